# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.report.bags import Bag
from mdepth_ros.report.evaluate import evaluate_run
from mdepth_ros.report.metrics import Condition
from mdepth_ros.report.run import Choice
from mdepth_ros.report.write import write_report
from mdepth_ros.ros import conversions, images, recording


def test_depth_image_of_another_size_and_crop(world):
    world.record()
    evaluation = evaluate_run(world.run(0.5))
    metrics = evaluation.metrics
    assert evaluation.truth.depth_topic == '/camera/depth'
    assert metrics['depth_frames'] == 12
    assert metrics['depth_ratio'] == pytest.approx(2, rel=1e-4)
    assert metrics['abs_rel_raw'] == pytest.approx(0.5, rel=1e-3)
    assert metrics['abs_rel'] == pytest.approx(0, abs=1e-3)
    assert (metrics['d1'], metrics['d1_raw'], metrics['depth_coverage']) == (1, 0, 1)
    # the estimate shows 140 x 84 of 160 x 96 pixels
    assert evaluation.depth.means[''].pixels == 12 * 140 * 84


def test_lidar_goes_through_tf_static(world):
    world.record(depth=False, lidar=True)
    metrics = evaluate_run(world.run(0.5)).metrics
    # the points at twice the distance lie behind others and do not count
    assert metrics['depth_ratio'] == pytest.approx(2, rel=1e-3)
    assert metrics['abs_rel'] == pytest.approx(0, abs=2e-3)
    assert metrics['abs_rel_raw'] == pytest.approx(0.5, rel=2e-3)
    assert metrics['d3'] == 1


def test_depth_image_before_lidar_unless_asked(world):
    world.record(lidar=True)
    world.run()
    assert evaluate_run(world.out).depth.truth_topic == '/camera/depth'
    assert evaluate_run(world.out, Choice(lidar='/lidar')).depth.truth_topic == '/lidar'


def test_a_lidar_that_was_asked_for_needs_no_choice_of_depth_images(world):
    world.record(lidar=True, edit='two depths')
    run = world.run()
    with pytest.raises(MdepthError, match='2 topics of depth images: add --depth-topic'):
        evaluate_run(run)
    assert evaluate_run(run, Choice(lidar='/lidar')).depth.truth_topic == '/lidar'


def test_lidar_without_a_transform_leaves_the_trajectory(world):
    world.record(depth=False, lidar=True, edit='no lidar frame')
    evaluation = evaluate_run(world.run())
    assert evaluation.depth is None
    assert "does not connect 'lidar'" in evaluation.no_depth
    assert evaluation.motion is not None


def test_moving_mask_gives_regions(world):
    world.record(moving=True)
    metrics = evaluate_run(world.run(0.5)).metrics
    for region in ('static', 'moving'):
        assert metrics[f'abs_rel_{region}_raw'] == pytest.approx(0.5, rel=1e-3)
        assert metrics[f'abs_rel_{region}'] == pytest.approx(0, abs=1e-3)


def test_moving_region_is_where_the_mask_is(world):
    depth = world.estimate(1.0)
    u, v = world.small_pixels()
    # what the mask covers in the recording (rows 60-79, columns 50-89) is estimated twice as far,
    # with a margin of one pixel against interpolation
    inside = (u >= 48) & (u <= 91) & (v >= 58) & (v <= 81)
    world.record(moving=True)
    metrics = evaluate_run(world.run(depth=np.where(inside, 2 * depth, depth))).metrics
    assert metrics['abs_rel_moving_raw'] == pytest.approx(1, rel=1e-5)
    assert metrics['abs_rel_static_raw'] < 0.06
    assert metrics['abs_rel_moving'] > 0.5


def test_unknown_pixels_lower_the_coverage(world):
    depth = world.estimate(0.5)
    depth[:, :35] = np.nan
    world.record()
    metrics = evaluate_run(world.run(depth=depth)).metrics
    assert metrics['depth_coverage'] == pytest.approx(0.5, abs=0.01)
    assert metrics['abs_rel'] == pytest.approx(0, abs=1e-3)


def test_cap_and_crop(world):
    world.record()
    world.run()
    whole = evaluate_run(world.out)
    near = evaluate_run(world.out, max_depth=7.0)
    crop = evaluate_run(world.out, crop='garg')
    assert 0 < near.depth.means[''].pixels < whole.depth.means[''].pixels
    rows, columns = int(0.99189189 * 42) - int(0.40810811 * 42), int(0.96405229 * 70) - 2
    assert crop.depth.means[''].pixels == 12 * rows * columns * 4
    with pytest.raises(MdepthError, match='min-depth'):
        evaluate_run(world.out, min_depth=90)


def test_truth_up_to_50_ms_away_counts(world):
    world.record(late=30_000_000)
    evaluation = evaluate_run(world.run())
    assert len(evaluation.depth.frames) == 12
    assert evaluation.depth.frames[0][1] == pytest.approx(0.03)
    # Poses are interpolated; the first image is 30 ms before the first of them.
    assert len(evaluation.motion.truth) == 11


def test_truth_that_is_too_far_away_does_not(world):
    world.record(late=10**12)
    with pytest.raises(MdepthError, match='nothing to compare: no estimate is within'):
        evaluate_run(world.run())


def test_constant_depth_on_a_real_drive(data_dir, tmp_path):
    """An independent evaluation of a constant on these frames gave AbsRel .352, d1 .424."""
    source = (data_dir / 'bags' / 'kitti_city').resolve()
    stamps = Bag(source).stamps('/camera/camera_info')
    view = Camera(1242, 375, 721.5377, 721.5377, 609.5593, 172.854)
    view = view.cropped(*view.largest_crop(320 / 96)).scaled(320, 96)
    depth = np.full((96, 320), 10, np.float32)
    with recording.BagWriter(tmp_path / 'bag') as bag:
        for stamp in stamps:
            header = conversions.make_header(stamp, 'camera_optical')
            bag.write('/depth/image_rect', images.depth_message(depth, header), stamp)
            bag.write('/depth/camera_info', conversions.camera_to_info(view, header), stamp)
    (tmp_path / 'run.json').write_text(json.dumps({'source': str(source)}))
    evaluation = evaluate_run(tmp_path, crop='garg')
    assert evaluation.truth.depth_topic == '/velodyne_points'
    assert evaluation.no_motion.startswith('no true trajectory')
    assert len(evaluation.depth.frames) == 40
    assert evaluation.metrics['abs_rel'] == pytest.approx(0.352, abs=0.002)
    assert evaluation.metrics['d1'] == pytest.approx(0.424, abs=0.004)


# --- errors -----------------------------------------------------------------------------------


def test_not_a_run(tmp_path):
    with pytest.raises(MdepthError, match='not the output of a run'):
        evaluate_run(tmp_path)
    (tmp_path / 'run.json').write_text('[]x')
    with pytest.raises(MdepthError, match='not the output of a run'):
        evaluate_run(tmp_path)


def test_no_truth_lists_the_topics(world):
    world.record(depth=False, odom=False)
    with pytest.raises(MdepthError, match=r'no truth in .*--truth.*/camera/image \(Image\)'):
        evaluate_run(world.run())


def test_a_video_is_no_truth(world, tmp_path):
    (tmp_path / 'drive.mp4').write_bytes(b'\x00\xff')
    with pytest.raises(MdepthError, match=r'drive\.mp4 holds no truth: name it with --truth'):
        evaluate_run(world.run(info={'source': str(tmp_path / 'drive.mp4')}))


def test_run_without_odometry(world):
    world.record()
    world.run(odom=False)
    (world.out / 'trajectory.tum').unlink()
    evaluation = evaluate_run(world.out)
    assert evaluation.motion is None
    assert evaluation.no_motion == 'the run wrote no odometry'


def test_source_is_gone(world):
    with pytest.raises(MdepthError, match='not there any more: name the truth with --truth'):
        evaluate_run(world.run())
    with pytest.raises(MdepthError, match='no such truth'):
        evaluate_run(world.out, Choice(truth=world.source))


@pytest.mark.parametrize(
    ('choice', 'message'),
    [
        (Choice(depth='/nothing'), '--depth-topic can be /camera/depth'),
        (Choice(lidar='/nothing'), 'no point clouds on /nothing, nor anywhere'),
        (Choice(odometry='/odom'), '--odom-topic can be /ground_truth/odom'),
        (Choice(moving='/nothing'), 'no mask on /nothing'),
    ],
)
def test_wrong_topics(world, choice, message):
    world.record()
    with pytest.raises(MdepthError, match=message):
        evaluate_run(world.run(), choice)


# --- conditions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('text', 'holds'),
    [('a>0.2', False), ('a >= 0.2', True), ('a<0.3', True), (' a <= 1e-1 ', False)],
)
def test_conditions(text, holds):
    assert Condition.parse(text).holds({'a': 0.2}) is holds


@pytest.mark.parametrize('text', ['abs_rel', 'abs_rel=0.2', 'a>b', '>1', 'a>1>2', 'a>nan'])
def test_bad_conditions(text):
    with pytest.raises(MdepthError, match='is not of the form'):
        Condition.parse(text)


def test_condition_on_a_number_that_is_missing():
    with pytest.raises(MdepthError, match=r'abc has no value here; there are a, b'):
        Condition.parse('abc>1').holds({'b': 1, 'a': 2})


# --- files ------------------------------------------------------------------------------------


def test_report_files(world):
    world.record(moving=True)
    evaluation = evaluate_run(world.run(info={'model': 'nano'}))
    folder = world.out / 'report'
    write_report(evaluation, folder)
    metrics = json.loads((folder / 'metrics.json').read_text())
    assert metrics == evaluation.metrics
    with (folder / 'metrics.csv').open() as file:
        table = {row['metric']: float(row['value']) for row in csv.DictReader(file)}
    assert table == pytest.approx(metrics)
    with (folder / 'depth.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert np.mean([float(row['abs_rel_raw']) for row in rows]) == pytest.approx(
        metrics['abs_rel_raw']
    )
    with (folder / 'trajectory.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 11
    assert float(rows[0]['translation_error_raw']) == pytest.approx(1.5)
    assert float(rows[0]['true_length']) == pytest.approx(2)
    for name in ('depth.png', 'trajectory.png', 'errors.png'):
        picture = cv2.imread(str(folder / name))
        assert min(picture.shape[:2]) > 200
        assert picture.std() > 10
    text = (folder / 'report.md').read_text()
    for part in (
        '/camera/depth', '/camera/moving', '/ground_truth/odom', 'nano', '12 of 12 estimates',
        'moving, scaled', 'coverage 100.0 %', 'its shortest segment is 100 m', 'depth.png',
    ):  # fmt: skip
        assert part in text


def test_reports_are_the_same_twice(world):
    world.record()
    world.run()
    for name in ('a', 'b'):
        write_report(evaluate_run(world.out), world.out / name)
    for file in sorted((world.out / 'a').iterdir()):
        assert file.read_bytes() == (world.out / 'b' / file.name).read_bytes(), file.name


def test_confidence_that_ranks_the_errors(world, tmp_path):
    world.record()
    # The upper third, the farthest, is 30 % too deep: that does not touch the median.
    wrong = np.zeros((42, 70), bool)
    wrong[:14] = True
    depth = world.estimate(1) * np.where(wrong, np.float32(1.3), np.float32(1))
    world.run(depth=depth, confidence=np.where(wrong, 0.2, 0.9).astype(np.float32))
    evaluation = evaluate_run(world.out)
    ranking = evaluation.depth.ranking
    assert len(evaluation.depth.rankings) == ranking.images == 12
    # But for the seam: bilinear sampling mixes both sides there, within a pixel.
    assert evaluation.metrics['ause'] < 0.1 and ranking.random > 0.05
    assert ranking.curve[60] < 0.1 * ranking.random
    write_report(evaluation, tmp_path / 'report')
    rows = list(csv.DictReader((tmp_path / 'report/sparsification.csv').open()))
    assert len(rows) == 100 and float(rows[0]['abs_rel_confident']) == pytest.approx(
        ranking.random, rel=1e-6
    )
    assert (tmp_path / 'report/sparsification.png').stat().st_size > 10_000
    text = (tmp_path / 'report/report.md').read_text()
    assert f'(AUSE) {ranking.ause:.3f} of' in text
    frames = list(csv.DictReader((tmp_path / 'report/depth.csv').open()))
    assert float(frames[3]['ause']) == pytest.approx(evaluation.metrics['ause'], rel=1e-6)


def test_confidence_upside_down_is_worse_than_random(world):
    world.record()
    wrong = np.zeros((42, 70), np.float32)
    wrong[:14] = 0.3
    world.run(depth=world.estimate(1) * (1 + wrong), confidence=wrong)
    assert evaluate_run(world.out).metrics['ause'] > 1.5


def test_without_confidence_there_is_no_ranking(world):
    world.record()
    metrics = evaluate_run(world.run()).metrics
    assert 'abs_rel' in metrics and 'ause' not in metrics


def test_a_folder_at_the_root_is_no_truth(world):
    world.record()
    run = world.run()
    with pytest.raises(MdepthError, match=r'no truth for / '):
        evaluate_run(run, Choice(truth=Path('/')))


def test_damaged_static_transforms_are_skipped_and_counted(world):
    world.record()
    run = world.run()
    with recording.BagWriter(run / 'bag', overwrite=True) as bag:
        bag.write_raw('/tf_static', 'tf2_msgs/msg/TFMessage', b'\0\1\0\0\xff\0\0\0', 0)
    damaged = Bag(run / 'bag')
    assert damaged.transforms().frames() == set()
    assert '1 messages skipped' in damaged.recording.losses.lines()[0]


def test_the_pictures_of_a_run_are_no_truth(world):
    """Those of a camera for heat are 16UC1, as depth may be: they look like it."""
    world.record()
    truth = evaluate_run(world.run(info={'topic': '/camera/depth'})).truth
    assert truth.bag.depth_topics() == ['/camera/depth'] and truth.depth_topic is None

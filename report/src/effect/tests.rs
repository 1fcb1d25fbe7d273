use super::*;
use crate::catalogue;

/// A picture with edges, texture and colour.
fn scene() -> Frame {
    let mut frame = Frame::filled(160, 96, [100, 128, 128]);
    let mut random = Random::new(9);
    frame.luma.map(|x, y, _| {
        let edge = if (x / 20 + y / 24) % 2 == 0 { 70.0 } else { 150.0 };
        crate::frame::sample(edge + random.between(-12.0, 12.0))
    });
    frame.cb.map(|x, _, _| if x < 40 { 118 } else { 136 });
    frame.cr.map(|_, y, _| if y < 24 { 134 } else { 124 });
    frame
}

fn after(steps: &[Step], seed: u64) -> Frame {
    let mut frame = scene();
    let mut random = Random::new(seed);
    // The frame at 0.3 s, so that moving objects have moved since the first frame.
    for step in steps {
        let mut effect = step.effect(Random::new(random.next()));
        effect.apply(&mut scene(), Moment { index: 0, seconds: 0.0 });
        effect.apply(&mut frame, Moment { index: 7, seconds: 0.3 });
    }
    frame
}

/// The mean absolute difference of luma and chroma, over the part that both frames have.
fn difference(one: &Frame, other: &Frame) -> f32 {
    let planes = [(&one.luma, &other.luma), (&one.cb, &other.cb), (&one.cr, &other.cr)];
    let sums = planes.map(|(one, other)| {
        let pairs = one.samples().iter().zip(other.samples());
        pairs.map(|(a, b)| f32::from(a.abs_diff(*b))).sum::<f32>() / one.samples().len() as f32
    });
    sums.iter().sum()
}

/// Kinds whose change is not visible in the second frame, or does not grow with the strength in this frame.
const LATER: [&str; 12] = [
    "freeze",
    "held",
    "black",
    "nearly_black",
    "board",
    "clock",
    "moved",
    "moving",
    "shake",
    "shaken",
    "covering",
    "smeared",
];

/// Makers whose change does not grow with the severity. The reasons, in this order: the picture is darkened to
/// night before the lamps' halos are drawn. A phase is periodic. Blocks begin at random places. In a small picture,
/// all blocks have the smallest size.
const OTHERWISE_GRADED: [&str; 4] = ["lamps_in_fog", "carrier_phase", "part_in_blocks", "slopes"];

#[test]
fn every_fault_that_is_drawn_changes_the_picture_and_more_so_where_it_is_stronger() {
    let mut before: Option<(String, f32)> = None;
    for recipe in catalogue::all() {
        // A frozen picture does not differ from a healthy one, black comes later, and a clock is small.
        let drawn = recipe.role == crate::manifest::Role::Fault
            && !recipe.steps.is_empty()
            && !LATER.contains(&recipe.kind.as_str());
        if !drawn {
            continue;
        }
        let changed = difference(&after(&recipe.steps, 1), &scene());
        let name = format!("{} {}", recipe.kind, recipe.variant);
        assert!(changed > 0.3, "{name} {:?} changes {changed}", recipe.severity);
        let is_graded = !OTHERWISE_GRADED.contains(&recipe.maker.as_str());
        if let Some((last, less)) = before.filter(|(last, _)| *last == name && is_graded) {
            assert!(changed > less, "{last}: {less} and then {changed}");
        }
        before = Some((name, changed));
    }
}

#[test]
fn shaking_moves_the_picture_to_and_fro() {
    let mut shake = Step::of(motion::Shake { pixels: 8.0, hertz: 2.0 }).effect(Random::new(5));
    let mut shown = |seconds: f32| {
        let mut frame = scene();
        shake.apply(&mut frame, Moment { index: 0, seconds });
        frame
    };
    let (first, second) = (shown(0.0), shown(0.25));
    assert_eq!(first.size(), second.size());
    assert!(difference(&first, &second) > 2.0);
}

#[test]
fn a_frozen_picture_stays_from_its_moment_on_and_not_before() {
    let mut freeze = Step::of(motion::Freeze { from: 1.0 }).effect(Random::new(1));
    let mut shown = |seconds: f32, tone: u8| {
        let mut frame = Frame::filled(16, 16, [tone, 128, 128]);
        freeze.apply(&mut frame, Moment { index: 0, seconds });
        frame
    };
    assert_ne!(shown(0.0, 50), shown(0.5, 60));
    assert_eq!(shown(1.0, 70), shown(1.5, 80));
}

#[test]
fn one_seed_gives_one_picture_and_another_seed_another() {
    let steps = [
        Step::of(grain::Noise(10.0)),
        Step::of(grain::Snow { share: 0.1 }),
        Step::of(dirt::Dirty { dirt: dirt::Dirt::Blots, share: 0.1 }),
        Step::of(torn::Torn { share: 0.1 }),
        Step::of(traffic::Rain),
        Step::of(drops::Water::OnWindow(0.2)),
        Step::of(cloth::Before {
            material: cloth::Material::Leaves,
            share: 0.4,
            coming: cloth::Coming::There,
        }),
        Step::of(sensor::Sensor::Mosaic(60.0)),
        Step::of(mast::Mast::Violent(20.0)),
    ];
    for step in steps {
        let step = [step];
        assert_eq!(after(&step, 4), after(&step, 4), "{step:?}");
        assert_ne!(after(&step, 4), after(&step, 5), "{step:?}");
    }
}

#[test]
fn noise_has_the_deviation_that_was_asked_for() {
    let mut frame = Frame::filled(320, 200, [128, 128, 128]);
    Step::of(grain::Noise(10.0)).effect(Random::new(2)).apply(&mut frame, Moment { index: 0, seconds: 0.0 });
    let squares = frame.luma.samples().iter().map(|&value| (f32::from(value) - 128.0).powi(2));
    let deviation = (squares.sum::<f32>() / frame.luma.samples().len() as f32).sqrt();
    assert!((deviation - 10.0).abs() < 0.3, "{deviation}");
}

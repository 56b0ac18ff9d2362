//! `kill -9` at random moments: the file is the old one or the new one, whole.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aksbackup_tests::harness::Stage;

use crate::extent::{self, Dice};
use crate::writer::{Plane, Writer, leftovers, own_file, stage, values};

/// What the kills left behind.
#[derive(Default)]
struct Tally {
    kills: AtomicUsize,
    new: AtomicUsize,
    leftovers: AtomicUsize,
    missed: AtomicUsize,
}

/// How long a writer takes undisturbed, how long it holds the lock, and both contents that it alternates between.
struct Habit {
    took: Duration,
    held: Duration,
    contents: [String; 2],
}

fn habit(stage: &Stage, writer: &Writer) -> Habit {
    let begun = Instant::now();
    let contents = [0, 1].map(|turn| {
        writer.write(stage, turn);
        values(&writer.state)
    });
    assert!(contents[0] != contents[1], "{writer:?} writes nothing");
    let took = begun.elapsed() / 2;
    let mut child = quietly(writer.command(stage, 0));
    await_lock(&mut child, writer, true);
    let begun = Instant::now();
    await_lock(&mut child, writer, false);
    let held = begun.elapsed();
    child.wait().unwrap();
    writer.write(stage, 1);
    Habit { took, held, contents }
}

fn quietly(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn lock_of(writer: &Writer) -> PathBuf {
    writer.state.with_file_name("aksbackup.toml.lock")
}

/// Waits until the process holds the lock or does no more, or until it has ended. The note in the lock file tells.
fn await_lock(child: &mut Child, writer: &Writer, wanted: bool) {
    let lock = lock_of(writer);
    let held = || std::fs::metadata(&lock).is_ok_and(|metadata| metadata.len() > 0);
    let mut looks = 0_u32;
    while held() != wanted {
        looks += 1;
        if looks.is_multiple_of(256) && child.try_wait().unwrap().is_some() {
            break;
        }
    }
}

/// Lets a time pass that is too short to sleep.
fn spend(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Starts the writer's command number `turn` and kills it: every other time anywhere in its life, else while it holds
/// the lock. Gives whether it died of it.
fn kill(stage: &Stage, writer: &Writer, turn: usize, habit: &Habit, dice: &mut Dice) -> bool {
    let within =
        |dice: &mut Dice, time: Duration| Duration::from_micros(dice.below(u64::try_from(time.as_micros()).unwrap()));
    // What a killed holder left would pass for a new one's note.
    std::fs::File::create(lock_of(writer)).unwrap();
    let mut child = quietly(writer.command(stage, turn));
    if dice.below(2) == 0 {
        std::thread::sleep(within(dice, habit.took));
    } else {
        await_lock(&mut child, writer, true);
        spend(within(dice, habit.held * 5 / 4));
    }
    let _ = child.kill();
    child.wait().unwrap().code().is_none()
}

/// Kills one writer until so many kills have been counted in all.
fn kill_on(stage: &Stage, writer: &Writer, number: u64, wanted: usize, tally: &Tally) {
    let habit = habit(stage, writer);
    let (mut dice, mut stands) = (Dice::new(number), 1);
    while tally.kills.fetch_add(1, Ordering::Relaxed) < wanted {
        while !kill(stage, writer, 1 - stands, &habit, &mut dice) {
            tally.missed.fetch_add(1, Ordering::Relaxed);
            assert_eq!(
                values(&writer.state),
                habit.contents[1 - stands],
                "an undisturbed write"
            );
            stands = 1 - stands;
        }
        let now = values(&writer.state);
        if now == habit.contents[1 - stands] {
            tally.new.fetch_add(1, Ordering::Relaxed);
            stands = 1 - stands;
        } else {
            assert_eq!(now, habit.contents[stands], "neither the old file nor the new one");
        }
        tally
            .leftovers
            .fetch_add(leftovers(&writer.state).len(), Ordering::Relaxed);
    }
    writer.write(stage, 1 - stands);
    assert_eq!(
        values(&writer.state),
        habit.contents[1 - stands],
        "the last run goes on"
    );
    assert_eq!(leftovers(&writer.state), Vec::<String>::new());
}

#[test]
fn a_write_that_is_killed_at_any_moment_leaves_the_old_file_or_the_new_one() {
    const HANDS: usize = 4;
    let wanted = extent::of(160, 2000);
    let stage = stage(HANDS);
    let (tally, begun) = (Tally::default(), Instant::now());
    std::thread::scope(|scope| {
        for hand in 0..HANDS {
            let (stage, tally) = (&stage, &tally);
            scope.spawn(move || {
                let plane = if hand.is_multiple_of(2) {
                    Plane::Cloud
                } else {
                    Plane::Cluster
                };
                let writer = Writer::new(plane, hand, &own_file(stage, &format!("hand-{hand}")));
                kill_on(stage, &writer, hand as u64, wanted, tally);
            });
        }
    });
    let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    extent::told(&format!(
        "kills: {wanted} kills at random moments (seed {}) in {:.1} s: {} left the new file, {} the old one; {} temporary \
         files were seen and none is left; {} runs ended first",
        extent::seed(),
        begun.elapsed().as_secs_f64(),
        of(&tally.new),
        wanted - of(&tally.new),
        of(&tally.leftovers),
        of(&tally.missed),
    ));
}

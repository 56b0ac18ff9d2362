//! `kill -9` at every single system call of one write.

use std::time::Instant;

use crate::extent;
use crate::tracer::{Ending, kill_at};
use crate::writer::{Plane, Writer, leftovers, own_file, stage, values};

#[test]
fn a_write_that_is_killed_at_any_of_its_system_calls_leaves_the_old_file_or_the_new_one() {
    let stage = stage(1);
    for plane in [Plane::Cloud, Plane::Cluster] {
        let begun = Instant::now();
        let writer = Writer::new(plane, 0, &own_file(&stage, &format!("{plane:?}")));
        let lock = writer.state.with_file_name("aksbackup.toml.lock");
        writer.write(&stage, 1);
        let after = values(&writer.state);
        writer.write(&stage, 0);
        let (old, before) = (std::fs::read(&writer.state).unwrap(), values(&writer.state));
        let (mut points, mut news, mut left) = (0, 0, 0);
        while kill_at(writer.command(&stage, 1), &lock, points + 1) == Ending::Killed {
            points += 1;
            let now = values(&writer.state);
            assert!(
                now == before || now == after,
                "{plane:?}, stop {points}: neither old nor new\n{now}"
            );
            news += usize::from(now == after);
            left += usize::from(!leftovers(&writer.state).is_empty());
            if extent::all() || points.is_multiple_of(8) {
                // The next one is not held up, and clears away.
                writer.write(&stage, usize::from(now == before));
                assert_eq!(leftovers(&writer.state), Vec::<String>::new());
            }
            std::fs::write(&writer.state, &old).unwrap();
        }
        assert!(
            news > 0 && news < points && left > 0,
            "{points} stops, {news} new files, {left} temporary files"
        );
        extent::told(&format!(
            "system calls: {plane:?} plane, {points} stops of one write (before and after each call of {}): {} left the \
             old file, {news} the new one, {left} a temporary file, which the next run takes away; {:.1} s",
            writer.table(),
            points - news,
            begun.elapsed().as_secs_f64(),
        ));
    }
}

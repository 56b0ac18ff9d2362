//! Archives in the oldest form that every tool reads: `ustar` of POSIX, uncompressed. Equal contents give equal bytes: no time, no owner.

/// The size of a block.
const BLOCK: usize = 512;

/// The longest name that fits into a header.
pub(super) const NAME: usize = 100;

/// Returns an archive of these files, each by its name and contents.
pub(super) fn archive<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, contents) in files {
        out.extend_from_slice(&header(name, contents.len()));
        out.extend_from_slice(contents);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    // Two empty blocks end an archive.
    out.resize(out.len() + 2 * BLOCK, 0);
    out
}

fn header(name: &str, size: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| {
        block.iter_mut().skip(at).zip(text).for_each(|(to, from)| *to = *from);
    };
    put(0, name.as_bytes().get(..NAME).unwrap_or(name.as_bytes()));
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    // While it is summed up, the place of the sum has blanks.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let text = format!("{sum:06o}\0 ");
    block
        .iter_mut()
        .skip(148)
        .zip(text.as_bytes())
        .for_each(|(to, from)| *to = *from);
    block
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn tar_reads_what_is_written() {
        let long = "x".repeat(700);
        let bytes = archive([
            ("README.txt", b"hello".as_slice()),
            ("logs/001-velero.log", long.as_bytes()),
        ]);
        assert_eq!(bytes.len() % BLOCK, 0);
        assert_eq!(
            bytes,
            archive([
                ("README.txt", b"hello".as_slice()),
                ("logs/001-velero.log", long.as_bytes())
            ])
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.tar"), &bytes).unwrap();
        let tar = Command::new("tar")
            .args(["-xf", "a.tar"])
            .current_dir(folder.path())
            .status();
        // A machine without tar proves nothing, and is none of those that this is tested on.
        assert!(tar.unwrap().success());
        let read = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(
            (read("README.txt"), read("logs/001-velero.log")),
            ("hello".to_owned(), long)
        );
    }
}

//! A node's files as the archive that an engine unpacks into the node's volume.
//!
//! The archive holds keys: it must never be logged or written to a disk.

use std::collections::BTreeSet;
use std::io;

use tar::{Builder, EntryType, Header};
use zeroize::Zeroizing;

use crate::NodeSpec;

/// Packs a specification's files; the same files always give the same bytes.
pub(crate) fn archive(spec: &NodeSpec) -> io::Result<Zeroizing<Vec<u8>>> {
    let owner = spec.file_owner();
    // Room for everything at once: a buffer that grows leaves copies of keys behind in memory.
    let room: usize = spec.files.iter().map(|file| file.content.len() + file.path.len() + 4096).sum();
    let mut builder = Builder::new(WipedWriter(Zeroizing::new(Vec::with_capacity(room + 4096))));
    let mut folders = BTreeSet::new();
    for file in &spec.files {
        for (at, _) in file.path.match_indices('/') {
            folders.insert(&file.path[..=at]);
        }
    }
    for folder in folders {
        builder.append_data(&mut header(EntryType::Directory, 0o755, 0, owner), folder, io::empty())?;
    }
    for file in &spec.files {
        let size = u64::try_from(file.content.len()).unwrap_or(u64::MAX);
        let mut header = header(EntryType::Regular, file.mode, size, owner);
        builder.append_data(&mut header, &file.path, file.content.as_slice())?;
    }
    Ok(builder.into_inner()?.0)
}

fn header(kind: EntryType, mode: u32, size: u64, owner: (u64, u64)) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(owner.0);
    header.set_gid(owner.1);
    header.set_mtime(0);
    header
}

/// A buffer that is wiped when dropped, as a writer.
struct WipedWriter(Zeroizing<Vec<u8>>);

impl io::Write for WipedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::node::tests::peer;

    #[test]
    fn files_arrive_with_mode_owner_and_folders() {
        let mut spec = peer();
        spec.user = Some("7:8".into());
        let bytes = archive(&spec).unwrap();
        let mut seen = Vec::new();
        let mut archive = tar::Archive::new(bytes.as_slice());
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (7, 8));
            seen.push((entry.path().unwrap().display().to_string(), header.mode().unwrap(), content));
        }
        let expect = |path: &str, mode, content: &str| (path.to_owned(), mode, content.to_owned());
        assert_eq!(
            seen,
            [
                expect("msp/", 0o755, ""),
                expect("msp/keystore/", 0o755, ""),
                expect("msp/keystore/key.pem", 0o600, "key"),
                expect("core.yaml", 0o644, "peer: {}"),
            ]
        );
    }

    #[test]
    fn the_same_files_give_the_same_bytes() {
        assert_eq!(archive(&peer()).unwrap(), archive(&peer()).unwrap());
    }
}

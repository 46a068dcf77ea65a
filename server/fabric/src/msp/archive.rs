//! Material as one tar archive: the same files always give the same bytes, and keys come out readable by their owner
//! alone.

use std::io;

use super::MaterialFile;

/// Packs files in their order. `modified_unix_s` stands in every entry: seconds since 1970.
pub fn archive(files: &[MaterialFile], modified_unix_s: u64) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(if file.secret { 0o600 } else { 0o644 });
        header.set_mtime(modified_unix_s);
        header.set_size(u64::try_from(file.content.len()).map_err(io::Error::other)?);
        builder.append_data(&mut header, &file.path, file.content.as_slice())?;
    }
    builder.into_inner()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn keys_are_for_their_owner_alone() {
        let files =
            [MaterialFile::public("a/cert.pem", "public"), MaterialFile::secret("a/priv_sk", "secret")];
        let bytes = archive(&files, 1_700_000_000).unwrap();
        assert_eq!(bytes, archive(&files, 1_700_000_000).unwrap());
        let mut read = Vec::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            read.push((entry.path().unwrap().display().to_string(), entry.header().mode().unwrap(), text));
        }
        assert_eq!(
            read,
            [
                ("a/cert.pem".to_owned(), 0o644, "public".to_owned()),
                ("a/priv_sk".to_owned(), 0o600, "secret".to_owned())
            ]
        );
    }
}

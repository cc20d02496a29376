//! The folder backend as an operator meets it: a stick that is missing, full, or holds something else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "support/disk.rs"]
mod disk;

use std::fs;
use std::path::Path;

use kirikae_backends::folder::dir::{DirFolder, FolderSettings};
use kirikae_engine::backend::{Call, FolderRead, FolderWrite};

fn folder(path: &Path) -> DirFolder {
    DirFolder::open(&FolderSettings { path: path.to_owned(), ..FolderSettings::default() }).unwrap()
}

fn names(folder: &DirFolder) -> Vec<String> {
    folder.list(&Call::unattached()).unwrap().into_iter().map(|file| file.name).collect()
}

#[test]
fn a_file_is_written_once_and_never_overwritten() {
    let place = tempfile::tempdir().unwrap();
    let folder = folder(place.path());
    let call = Call::unattached();
    folder.write(&call, "0110119153.p12", b"content").unwrap();
    folder.write(&call, "0110119153.p12", b"content").expect("the same content is done already");
    assert_eq!(folder.write(&call, "0110119153.p12", b"other").unwrap_err().code, "FILE.DIFFERENT");
    assert_eq!(folder.write(&call, "0110119153.p12", b"content and more").unwrap_err().code, "FILE.DIFFERENT");
    assert_eq!(folder.read(&call, "0110119153.p12", 100).unwrap(), b"content");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "nothing unfinished is left");
}

#[test]
fn regular_files_are_listed_by_name() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("b.p12"), "12").unwrap();
    fs::write(place.path().join("証明書.p12"), "123").unwrap();
    fs::write(place.path().join(".hidden"), "").unwrap();
    fs::create_dir(place.path().join("a")).unwrap();
    let files = folder(place.path()).list(&Call::unattached()).unwrap();
    assert_eq!(files.iter().map(|file| (file.name.as_str(), file.size)).collect::<Vec<_>>(), [("b.p12", 2), ("証明書.p12", 3)]);
    assert!(files[0].modified.as_second() > 1_600_000_000);
}

#[test]
fn big_files_folders_and_missing_files_have_their_codes() {
    let place = tempfile::tempdir().unwrap();
    let folder = folder(place.path());
    fs::File::create(place.path().join("film.p12")).unwrap().set_len(200 << 20).unwrap();
    fs::create_dir(place.path().join("sub.p12")).unwrap();
    let code = |name: &str| folder.read(&Call::unattached(), name, 16 << 20).unwrap_err().code;
    assert_eq!(code("film.p12"), "FILE.TOO_BIG");
    assert_eq!(code("sub.p12"), "FILE.NOT_FOUND");
    assert_eq!(code("none.p12"), "FILE.NOT_FOUND");
}

#[test]
fn names_cannot_leave_the_folder() {
    let place = tempfile::tempdir().unwrap();
    let inner = place.path().join("inner");
    fs::create_dir(&inner).unwrap();
    fs::write(place.path().join("secret"), "x").unwrap();
    let folder = folder(&inner);
    for name in ["../secret", "..", ".", "", "a/b", "a\\b", ".hidden", "/etc/passwd", "a\0"] {
        assert_eq!(folder.read(&Call::unattached(), name, 10).unwrap_err().code, "FILE.BAD_NAME", "{name:?}");
        assert_eq!(folder.write(&Call::unattached(), name, b"x").unwrap_err().code, "FILE.BAD_NAME", "{name:?}");
    }
    for name in ["a:b", "a\nb", "a?", "a.", &"x".repeat(256)] {
        assert_eq!(folder.write(&Call::unattached(), name, b"x").unwrap_err().code, "FILE.BAD_NAME", "{name:?}");
    }
    assert!(names(&folder).is_empty());
}

#[test]
fn a_stick_that_is_not_inserted_is_missed_and_not_made() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("usb");
    let folder = DirFolder::open(&FolderSettings { path: path.clone(), removable: true, plain: false }).unwrap();
    let call = Call::unattached();
    let errors = [
        folder.list(&call).unwrap_err(),
        folder.read(&call, "a", 1).unwrap_err(),
        folder.probe_writable(&call).unwrap_err(),
        folder.write(&call, "a", b"").unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.code, "FOLDER.ABSENT");
        assert!(error.cause.ja.contains("媒体"), "{error:?}");
    }
    assert!(!path.exists());

    fs::write(&path, "").unwrap();
    let error = folder.write(&call, "a", b"").unwrap_err();
    assert!(error.code == "FOLDER.ABSENT" && error.cause.ja.contains("フォルダではありません"), "{error:?}");
}

/// `/sys` refuses new files to everybody, the administrator too.
#[cfg(target_os = "linux")]
#[test]
fn a_read_only_folder_is_told() {
    let folder = folder(Path::new("/sys"));
    assert_eq!(folder.probe_writable(&Call::unattached()).unwrap_err().code, "FOLDER.READONLY");
    assert_eq!(folder.write(&Call::unattached(), "a.p12", b"x").unwrap_err().code, "FOLDER.READONLY");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_stick_is_told_and_keeps_no_part_of_the_file() {
    let Some(disk) = disk::TinyDisk::mount() else { return };
    let folder = folder(disk.path());
    disk.fill(1);
    assert_eq!(folder.probe_writable(&Call::unattached()).unwrap_err().code, "FOLDER.FULL");
    assert_eq!(folder.write(&Call::unattached(), "a.p12", &[7; 10_000]).unwrap_err().code, "FOLDER.FULL");
    assert!(names(&folder).is_empty());
    folder.write(&Call::unattached(), "a.p12", b"small").unwrap();
}

#[test]
fn many_writers_of_one_name_leave_one_whole_file() {
    let place = tempfile::tempdir().unwrap();
    let folder = folder(place.path());
    let wrote = std::thread::scope(|scope| {
        let write = |content: u8| folder.write(&Call::unattached(), "a.p12", &[content; 5000]);
        let threads: Vec<_> = (0..8).map(|content| scope.spawn(move || (content, write(content)))).collect();
        let done = threads.into_iter().map(|thread| thread.join().unwrap());
        done.filter_map(|(content, result)| match result {
            Ok(()) => Some(content),
            Err(error) => {
                assert_eq!(error.code, "FILE.DIFFERENT");
                None
            }
        })
        .collect::<Vec<u8>>()
    });
    assert_eq!(wrote.len(), 1, "one of them wrote it");
    assert_eq!(folder.read(&Call::unattached(), "a.p12", 5000).unwrap(), [wrote[0]; 5000]);
}

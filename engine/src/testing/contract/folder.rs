//! What every folder does, whatever medium it lies on.

use std::fmt;
use std::sync::Arc;

use crate::backend::{BackendError, Call, FolderWrite, Verb};

/// A folder under test, empty and writable.
pub struct FolderRig {
    /// The folder.
    pub folder: Arc<dyn FolderWrite>,
    /// The same place opened a second time.
    pub again: Arc<dyn FolderWrite>,
    /// Everything that lies at its place, hidden things too.
    pub place: Box<dyn Fn() -> Vec<String>>,
    /// Takes its medium away; `None`: it has none.
    pub remove: Option<Box<dyn Fn()>>,
}

/// Runs the whole suite; `fresh` makes a rig for each part.
pub fn holds(fresh: impl Fn() -> FolderRig) {
    lists_and_reads_what_was_written(&fresh());
    overwrites_nothing(&fresh());
    stays_in_its_place(&fresh());
    leaves_nothing_behind_when_probed(&fresh());
    says_when_it_is_not_there(&fresh());
}

/// More than any file of these tests.
const LIMIT: u64 = 1 << 20;

fn call() -> Call {
    Call::unattached()
}

fn code<T: fmt::Debug>(answer: Result<T, BackendError>) -> String {
    answer.expect_err("this is refused").code
}

fn lists_and_reads_what_was_written(rig: &FolderRig) {
    let can = rig.folder.capabilities();
    assert!(can.verbs.contains(&Verb::Read) && can.verbs.contains(&Verb::Write) && can.max_parallel >= 1);
    assert_eq!((rig.folder.id(), rig.folder.plain()), (rig.again.id(), rig.again.plain()), "one place, one identity");
    assert_eq!(rig.folder.list(&call()).expect("a list"), []);
    for (name, content) in [("b.p12", &b"12"[..]), ("控え 2026.p12", b"123"), ("a.txt", b"")] {
        rig.folder.write(&call(), name, content).expect("a plain name");
        assert_eq!(rig.again.read(&call(), name, LIMIT).expect("it was written"), content);
    }
    let listed = rig.again.list(&call()).expect("a list");
    let names: Vec<(&str, u64)> = listed.iter().map(|file| (file.name.as_str(), file.size)).collect();
    assert_eq!(names, [("a.txt", 0), ("b.p12", 2), ("控え 2026.p12", 3)]);
    assert_eq!(code(rig.folder.read(&call(), "控え 2026.p12", 2)), "FILE.TOO_BIG");
    assert_eq!(rig.folder.read(&call(), "控え 2026.p12", 3).expect("exactly the limit"), b"123");
    assert_eq!(code(rig.folder.read(&call(), "none.p12", LIMIT)), "FILE.NOT_FOUND");
}

fn overwrites_nothing(rig: &FolderRig) {
    rig.folder.write(&call(), "a.p12", b"content").expect("a plain name");
    rig.again.write(&call(), "a.p12", b"content").expect("the same content is done already");
    for other in [&b"other"[..], b"content and more", b"conten", b""] {
        assert_eq!(code(rig.folder.write(&call(), "a.p12", other)), "FILE.DIFFERENT");
    }
    assert_eq!(rig.folder.read(&call(), "a.p12", LIMIT).expect("it is there"), b"content");
    assert_eq!((rig.place)(), ["a.p12"], "nothing unfinished is left");
}

fn stays_in_its_place(rig: &FolderRig) {
    for name in ["", ".", "..", "../a.p12", "sub/a.p12", "/a.p12"] {
        assert_eq!(code(rig.folder.write(&call(), name, b"content")), "FILE.BAD_NAME", "{name:?}");
        assert_eq!(code(rig.folder.read(&call(), name, LIMIT)), "FILE.BAD_NAME", "{name:?}");
    }
    assert!((rig.place)().is_empty());
}

fn leaves_nothing_behind_when_probed(rig: &FolderRig) {
    rig.folder.probe_writable(&call()).expect("the rig can be written to");
    assert!((rig.place)().is_empty());
}

fn says_when_it_is_not_there(rig: &FolderRig) {
    let Some(remove) = &rig.remove else { return };
    remove();
    assert_eq!(code(rig.folder.list(&call())), "FOLDER.ABSENT");
    assert_eq!(code(rig.folder.read(&call(), "a.p12", LIMIT)), "FOLDER.ABSENT");
    assert_eq!(code(rig.folder.write(&call(), "a.p12", b"content")), "FOLDER.ABSENT");
    assert_eq!(code(rig.folder.probe_writable(&call())), "FOLDER.ABSENT");
}

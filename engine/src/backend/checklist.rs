//! The moves of a portal's pages as a person makes them: plain data beside the words of a checklist.
//!
//! May use: labels of a profile. Must not: hold the value of a secret, know pages or HTTP.

use serde::{Deserialize, Serialize};

use super::profile::Label;

/// One move, with the exact words of the screen. They act in order; what a page shows is looked at before the next move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "move", rename_all = "snake_case")]
pub enum Move {
    /// Open an address.
    Open {
        /// The whole address.
        address: String,
        /// The certificate to choose when the browser asks for one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        certificate: Option<ShownCert>,
    },
    /// Open an address that an earlier page showed.
    OpenShown {
        /// The name it was read as.
        name: String,
        /// The address, when it is known already.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
    /// Go on from the page where that operation ended.
    GoOn {
        /// The operation's word.
        operation: String,
    },
    /// Only if the page shows this text.
    IfSeen {
        /// The text.
        text: String,
        /// What is done then.
        moves: Vec<Move>,
    },
    /// The page must show this text.
    See {
        /// The text.
        text: String,
    },
    /// The page must show one of these texts.
    SeeAny {
        /// The texts.
        texts: Vec<String>,
    },
    /// The page must show this mark of an accepted sign-in or certificate.
    SignedIn {
        /// The text.
        text: String,
    },
    /// What follows is done in this row of the list.
    Row {
        /// It shows this text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// It has a button of this text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        button: Option<String>,
        /// Of several the newest.
        newest: bool,
        /// Where no row fits, the person is done.
        may_be_missing: bool,
    },
    /// Write down all rows of the list.
    Rows {
        /// It shows this text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// It has a button of this text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        button: Option<String>,
        /// Column names and their headings.
        columns: Vec<(String, Label)>,
    },
    /// Write a value down.
    Read {
        /// Name of the answer's field.
        name: String,
        /// Its label.
        label: Label,
        /// It is a secret.
        secret: bool,
    },
    /// The page must show this value.
    Check {
        /// Name of the parameter.
        name: String,
        /// The value; `None`: a secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// Type a value.
    Fill {
        /// Name of the parameter.
        name: String,
        /// Its label or labels.
        label: Label,
        /// The value; `None`: a secret, which is shown apart.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// Choose an answer.
    Choose {
        /// Name of the parameter.
        name: String,
        /// The label of the choice.
        label: Label,
        /// The value, a word of the profile or the text itself; `None`: a secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// Tick a box.
    Tick {
        /// Its label.
        label: Label,
    },
    /// Hand a file over.
    Upload {
        /// Name of the parameter.
        name: String,
        /// The label of the field.
        label: Label,
        /// The name of the file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// Press a button.
    Press {
        /// Its text.
        label: Label,
        /// This is the one that commits: once.
        commits: bool,
    },
    /// Follow a link.
    Follow {
        /// Its text.
        label: Label,
        /// This is the one that commits: once.
        commits: bool,
    },
    /// A question of the page, answered with its OK.
    Dialog {
        /// What it says.
        text: String,
    },
    /// Save the file that comes.
    Download {
        /// Its name fits this pattern.
        pattern: String,
        /// The entry that is wanted, inside a zip file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inside: Option<String>,
    },
}

/// A certificate as a browser shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownCert {
    /// Common name.
    pub name: String,
    /// Last day.
    pub until: String,
    /// SHA-1 thumbprint, lower-case hex.
    pub sha1: String,
    /// Identity of the store or token it is in.
    pub holder: String,
}

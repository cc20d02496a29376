//! A small page model, and one renderer for each HTML variant under the same labels.
//!
//! May use: texts, Shift_JIS. Must not: know portals, sessions or HTTP.

mod buttons;
mod deflist;
mod fullwidth;
mod hidden;
mod markup;
mod nested;
mod plain;
mod sjis;

use std::fmt;
use std::str::FromStr;

use kirikae_engine::text::Text;

use crate::LabError;
use markup::Markup;

/// How pages are written. The labels are the same in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HtmlVariant {
    /// `<input type=submit>`, `<label for>`, values in tables of `<th>` and `<td>`.
    #[default]
    Plain,
    /// `<button>` with nested spans, `<div>` layout, fields inside their labels.
    Buttons,
    /// Definition lists instead of tables for values and fields.
    Deflist,
    /// Full-width digits in values, full-width letters and colons in labels.
    Fullwidth,
    /// Pages and forms in Shift_JIS; a hidden Japanese field must come back undamaged.
    Sjis,
    /// Hidden fields that must be echoed, and a form that no eye sees, with the same labels.
    Hidden,
    /// Labels in nested spans with line breaks, tables in tables.
    Nested,
}

impl HtmlVariant {
    /// All variants.
    pub const ALL: [HtmlVariant; 7] = [Self::Plain, Self::Buttons, Self::Deflist, Self::Fullwidth, Self::Sjis, Self::Hidden, Self::Nested];

    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Buttons => "buttons",
            Self::Deflist => "deflist",
            Self::Fullwidth => "fullwidth",
            Self::Sjis => "sjis",
            Self::Hidden => "hidden",
            Self::Nested => "nested",
        }
    }

    /// Encoding of pages, and so of the forms that come back.
    pub(crate) fn encoding(self) -> &'static encoding_rs::Encoding {
        match self {
            Self::Sjis => encoding_rs::SHIFT_JIS,
            _ => encoding_rs::UTF_8,
        }
    }

    /// Hidden fields that a form with this action must send back unchanged; `seal` is the session's own word for that action.
    pub(crate) fn echoes(self, seal: &str) -> Vec<(String, String)> {
        match self {
            Self::Hidden => vec![("_view".into(), "ID=\"1\" & <画面>".into()), ("_seal".into(), seal.into())],
            Self::Sjis => vec![("画面".into(), "申請 ソ表能 ―～①".into())],
            _ => vec![],
        }
    }

    /// Writes a page in this variant's markup and encoding.
    pub(crate) fn render(self, page: &Page) -> Vec<u8> {
        let markup: &dyn Markup = match self {
            Self::Plain => &plain::Plain,
            Self::Buttons => &buttons::Buttons,
            Self::Deflist => &deflist::Deflist,
            Self::Fullwidth => &fullwidth::Fullwidth,
            Self::Sjis => &sjis::Sjis,
            Self::Hidden => &hidden::Hidden,
            Self::Nested => &nested::Nested,
        };
        let text = markup.document(page);
        self.encoding().encode(&text).0.into_owned()
    }
}

impl FromStr for HtmlVariant {
    type Err = LabError;

    fn from_str(text: &str) -> Result<Self, LabError> {
        Self::ALL.into_iter().find(|variant| variant.word() == text).ok_or_else(|| {
            let cause = Text::new(format!("「{text}」というHTMLの書き方はありません"), format!("there is no HTML variant `{text}`"));
            LabError::option(cause, &Self::ALL.map(Self::word).join(" "))
        })
    }
}

impl fmt::Display for HtmlVariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    /// Title of the window.
    pub title: String,
    /// Heading on the page.
    pub heading: String,
    /// What is below it.
    pub blocks: Vec<Block>,
}

impl Page {
    /// A page whose title is its heading.
    pub(crate) fn titled(heading: &str) -> Self {
        Self { title: heading.to_owned(), heading: heading.to_owned(), blocks: vec![] }
    }

    /// The page with one more block.
    pub(crate) fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// The page with one more paragraph.
    pub(crate) fn says(self, text: &str) -> Self {
        self.with(Block::Text(text.to_owned()))
    }

    /// Every form of the page, also those in lists.
    pub(crate) fn forms_mut(&mut self) -> impl Iterator<Item = &mut Form> {
        self.blocks.iter_mut().flat_map(|block| match block {
            Block::Form(form) => vec![form],
            Block::Table(table) => table.rows.iter_mut().flatten().filter_map(|cell| if let Cell::Form(form) = cell { Some(form) } else { None }).collect(),
            _ => vec![],
        })
    }
}

/// A part of a page.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    /// A paragraph.
    Text(String),
    /// Values beside their labels.
    Values(Vec<(String, String)>),
    /// A link: label, address.
    Link(String, String),
    /// A form.
    Form(Form),
    /// A list.
    Table(Table),
}

/// A form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    /// Where it is posted to.
    pub action: String,
    /// What a person fills in.
    pub fields: Vec<Field>,
    /// What a person presses.
    pub buttons: Vec<Button>,
    /// What is sent beside.
    pub hidden: Vec<(String, String)>,
}

impl Form {
    /// A form with one button and nothing to fill in.
    pub(crate) fn button(action: &str, label: &str) -> Self {
        Self { action: action.to_owned(), buttons: vec![Button { label: label.to_owned(), name: None }], ..Self::default() }
    }

    /// Whether it sends files.
    pub(crate) fn multipart(&self) -> bool {
        self.fields.iter().any(|field| field.kind == FieldKind::File)
    }
}

/// A field of a form.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// What stands beside it.
    pub label: String,
    /// What it is sent as.
    pub name: String,
    /// What it is.
    pub kind: FieldKind,
}

/// Kinds of fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// One line.
    Text,
    /// One line, hidden while typed.
    Password,
    /// A check box.
    Check,
    /// A file.
    File,
    /// One of several words.
    Select(Vec<String>),
}

/// A button.
#[derive(Clone, Debug)]
pub(crate) struct Button {
    /// Its text.
    pub label: String,
    /// The name it is sent as when pressed.
    pub name: Option<String>,
}

/// A list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// Headings of the columns.
    pub headings: Vec<String>,
    /// Rows of as many cells.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a list.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    /// Words.
    Text(String),
    /// A form of its own (a button in a row).
    Form(Form),
    /// A link: label, address.
    Link(String, String),
}

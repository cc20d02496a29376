//! The screens of a profile: what its operations open, follow and press, as addresses that lead to each other.
//!
//! May use: the profile as plain data. Must not: know requests, the desk or markup.

use std::collections::BTreeMap;

use kirikae_engine::backend::profile::{Label, Open, Operation, PageItem, Profile};
use kirikae_engine::text::Text;

use crate::LabError;

/// One screen.
#[derive(Clone, Debug, Default)]
pub(super) struct Screen {
    /// Its path.
    pub path: String,
    /// It is opened by its path, not reached from another screen.
    pub opened: bool,
    /// What operations do on it: operation, place of the item in its pages.
    pub items: Vec<(Operation, usize)>,
    /// Where its buttons and links lead to.
    pub moves: Vec<(Move, usize)>,
    /// The items whose button leads here.
    pub pressed: Vec<(Operation, usize)>,
}

/// A button or a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// A button with this text.
    Press(String),
    /// A link with this text.
    Follow(String),
}

impl Move {
    /// Its text.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Press(text) | Self::Follow(text) => text,
        }
    }

    /// The move with which an item leaves its screen.
    pub(super) fn of(item: &PageItem) -> Option<Self> {
        let press = item.press.as_ref().map(|label| Self::Press(first(label).to_owned()));
        press.or_else(|| item.follow.as_ref().map(|label| Self::Follow(first(label).to_owned())))
    }
}

/// The words of a label.
pub(super) fn first(label: &Label) -> &str {
    label.labels.first().map_or("", String::as_str)
}

/// The screens of all operations. Operations that begin alike share screens.
///
/// # Errors
/// `LAB.PROFILES` for what is not practised: JSON requests, addresses read from a page, archives, an operation without a first page.
pub(super) fn screens(profile: &Profile) -> Result<Vec<Screen>, LabError> {
    let mut drawn = Drawn { id: &profile.id, screens: vec![], ends: BTreeMap::new() };
    // What goes on where another operation ended comes after it.
    let goes_on = |operation: &Operation| {
        let spec = &profile.operations[operation];
        spec.needs_sign_in || spec.pages.iter().any(|item| item.resume.is_some())
    };
    let (later, sooner): (Vec<Operation>, Vec<Operation>) = profile.operations.keys().copied().partition(goes_on);
    for operation in sooner.into_iter().chain(later) {
        drawn.draw(profile, operation)?;
    }
    Ok(drawn.screens)
}

struct Drawn<'a> {
    id: &'a str,
    screens: Vec<Screen>,
    ends: BTreeMap<Operation, usize>,
}

impl Drawn<'_> {
    fn draw(&mut self, profile: &Profile, operation: Operation) -> Result<(), LabError> {
        let spec = &profile.operations[&operation];
        let mut at = if spec.needs_sign_in { self.ends.get(&Operation::SignIn).copied() } else { None };
        for (place, item) in spec.pages.iter().enumerate() {
            let unpractised = item.post.is_some() || matches!(item.open, Some(Open::From { .. })) || matches!(item.download, Some((_, Some(_))));
            if unpractised {
                return Err(not_practised(self.id, operation, place));
            }
            if let Some(Open::Path(path)) = &item.open {
                at = Some(self.opened(path));
            } else if let Some(other) = item.resume {
                at = self.ends.get(&other).copied();
            }
            let here = at.ok_or_else(|| not_practised(self.id, operation, place))?;
            self.screens[here].items.push((operation, place));
            if let Some(step) = Move::of(item) {
                let next = self.reached(here, &step);
                if matches!(step, Move::Press(_)) {
                    self.screens[next].pressed.push((operation, place));
                }
                at = Some(next);
            }
        }
        self.ends.extend(at.map(|end| (operation, end)));
        Ok(())
    }

    fn opened(&mut self, path: &str) -> usize {
        let path = path.split('?').next().unwrap_or(path);
        self.screens
            .iter()
            .position(|screen| screen.path == path)
            .unwrap_or_else(|| self.add(Screen { path: path.to_owned(), opened: true, ..Screen::default() }))
    }

    fn reached(&mut self, from: usize, step: &Move) -> usize {
        if let Some((_, next)) = self.screens[from].moves.iter().find(|(known, _)| known == step) {
            return *next;
        }
        let path = format!("/{}/screen/{}", self.id, self.screens.len());
        let next = self.add(Screen { path, ..Screen::default() });
        self.screens[from].moves.push((step.clone(), next));
        next
    }

    fn add(&mut self, screen: Screen) -> usize {
        self.screens.push(screen);
        self.screens.len() - 1
    }
}

fn not_practised(id: &str, operation: Operation, place: usize) -> LabError {
    let place = place + 1;
    LabError::profiles(Text::new(
        format!(
            "{id} の {operation} の{place}番目のページは、練習用の画面にできません(JSONの送信、画面から読んだアドレス、圧縮ファイル、開始ページの無い操作)"
        ),
        format!("page {place} of `{operation}` of {id} cannot be practised (JSON requests, addresses read from a page, archives, no first page)"),
    ))
}

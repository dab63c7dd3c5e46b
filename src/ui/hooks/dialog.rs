//! Modal dialogs: the browser's own `<dialog>`, which keeps focus inside, closes on Escape and gives focus back.

use std::pin::Pin;

use leptos::html;
use leptos::prelude::*;
use leptos::wasm_split::SplitLoaderError;

/// What a dialog shows, made each time it opens.
pub type Content = Box<dyn Fn() -> Later + Send>;

/// What is shown once its code is there.
pub type Later = Pin<Box<dyn Future<Output = Result<AnyView, SplitLoaderError>> + Send>>;

/// A content whose code is a part of the bundle that comes when the first dialog is opened.
pub fn later<F>(content: impl Fn() -> F + Send + 'static) -> Content
where
    F: Future<Output = Result<AnyView, SplitLoaderError>> + Send + 'static,
{
    Box::new(move || Box::pin(content()))
}

/// A `<dialog>` that can be opened and closed. Its content is made when it opens, and gone when it has closed.
#[derive(Clone, Copy)]
pub struct Modal {
    pub element: NodeRef<html::Dialog>,
    is_open: RwSignal<bool>,
    /// From when it is asked for until it is there. The browser tells of an earlier closing late.
    is_opening: StoredValue<bool>,
}

impl Modal {
    pub fn new() -> Self {
        Self { element: NodeRef::new(), is_open: RwSignal::new(false), is_opening: StoredValue::new(false) }
    }

    /// Whether its content is wanted.
    pub fn is_open(self) -> bool {
        self.is_open.get()
    }

    pub fn open(self) {
        self.is_opening.set_value(true);
        self.is_open.set(true);
    }

    /// Call when the content is about to be in the page: what is to have the focus first has to be there by then.
    pub fn show(self) {
        request_animation_frame(move || {
            if let Some(dialog) = self.element.try_get_untracked().flatten()
                && !dialog.open()
            {
                // Refused only for a dialog that is open already, or is no longer in the page.
                let _ = dialog.show_modal();
            }
            self.is_opening.try_set_value(false);
        });
    }

    pub fn close(self) {
        if let Some(dialog) = self.element.get_untracked() {
            dialog.close();
        }
    }

    /// Call when its page goes.
    pub fn forget(self) {
        self.is_opening.set_value(false);
        self.is_open.set(false);
    }

    /// Call when the browser has closed it.
    pub fn closed(self) {
        // Its page may be gone by now, and its signals with it.
        let is_there = self.element.try_get_untracked().flatten().is_some_and(|dialog| dialog.open());
        if self.is_opening.try_get_value() == Some(false) && !is_there {
            self.is_open.try_set(false);
        }
    }
}

/// The dialogs that can be opened from anywhere on any page.
#[derive(Clone, Copy)]
pub struct PageDialogs {
    pub palette: Modal,
    pub shortcuts: Modal,
    /// On the board; asked for elsewhere, it opens once one is there.
    pub new_card: Modal,
    /// On the board, too.
    pub archive: Modal,
}

pub fn provide_page_dialogs() {
    provide_context(PageDialogs {
        palette: Modal::new(),
        shortcuts: Modal::new(),
        new_card: Modal::new(),
        archive: Modal::new(),
    });
}

pub fn use_page_dialogs() -> PageDialogs {
    expect_context()
}

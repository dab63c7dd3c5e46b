//! Icons, drawn in the text's colour and as large as the text. They are never the only bearer of a meaning.

use leptos::prelude::*;

/// What an icon shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Plus,
    Play,
    Stop,
    Again,
    Edit,
    Trash,
    Back,
    Branch,
    Folder,
    Close,
    Search,
    Chart,
    Up,
    Down,
    Download,
    Clock,
    /// A funnel.
    Filter,
    /// Two sliders: how things are to be.
    Sliders,
    /// A box with a lid.
    Archive,
    /// Two arrows that meet.
    Collapse,
    /// Two sheets.
    Copy,
    /// Lines that go on in the next one.
    Wrap,
    /// Six dots: a place to take hold.
    Grip,
    /// A dashed ring: not begun.
    Waiting,
    /// A ring that turns.
    Working,
    /// A tick in a disc.
    Done,
    /// A cross in an octagon.
    Failed,
    /// A ring with a bar across.
    Stopped,
    /// A question mark in a diamond.
    Lost,
    /// An exclamation mark in a triangle.
    Warning,
}

impl Shape {
    /// Strokes in a square of 16 by 16.
    fn path(self) -> &'static str {
        match self {
            Self::Plus => "M8 3v10M3 8h10",
            Self::Play => "M5 3.2v9.6L12.6 8z",
            Self::Stop => "M4 4h8v8H4z",
            Self::Again => "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3",
            Self::Edit => "M3 13l.7-2.8L10.6 3.3l2.1 2.1-6.9 6.9zM9.2 4.7l2.1 2.1",
            Self::Trash => "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5M6.8 7v3.5M9.2 7v3.5",
            Self::Back => "M9.5 3.5L5 8l4.5 4.5",
            Self::Branch => {
                "M5 5.5v5M11 6.5c0 2.5-6 1.5-6 4M6.5 4A1.5 1.5 0 1 1 3.5 4a1.5 1.5 0 0 1 3 0zM12.5 5a1.5 1.5 0 1 1-3 0 1.5 1.5 0 0 1 3 0zM6.5 12a1.5 1.5 0 1 1-3 0 1.5 1.5 0 0 1 3 0z"
            }
            Self::Folder => "M2 12.5v-9h4.2l1.5 1.8H14v7.2z",
            Self::Search => "M11.5 7a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0zM10.3 10.3L14 14",
            Self::Chart => "M2.5 13.5h11M4 11V8M8 11V3M12 11V6",
            Self::Up => "M4 10l4-4 4 4",
            Self::Down => "M4 6l4 4 4-4",
            Self::Download => "M8 2.5v7.5M4.8 7L8 10.2 11.2 7M3 13.5h10",
            Self::Clock => "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0zM8 4.5V8l2.5 1.5",
            Self::Filter => "M2 3.5h12L9.5 8.5v4.5l-3-1.5v-3z",
            Self::Archive => "M2 3h12v3H2zM3 6v7h10V6M6.5 8.5h3",
            Self::Collapse => "M2 8h4.5M4.5 5.5L7 8l-2.5 2.5M14 8H9.5M11.5 5.5L9 8l2.5 2.5",
            Self::Copy => "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
            Self::Sliders => {
                "M2.5 5h5M10.5 5h3M2.5 11h3M8.5 11h5M10.5 5a1.5 1.5 0 1 1-3 0 1.5 1.5 0 0 1 3 0zM8.5 11a1.5 1.5 0 1 1-3 0 1.5 1.5 0 0 1 3 0z"
            }
            Self::Wrap => "M2.5 4h11M2.5 8h8.3a2.2 2.2 0 0 1 0 4.4H8.5M10 10.4l-2 2 2 2",
            Self::Close => "M4 4l8 8M12 4l-8 8",
            Self::Grip => "M6 3.5v.01M10 3.5v.01M6 8v.01M10 8v.01M6 12.5v.01M10 12.5v.01",
            Self::Waiting => "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z",
            Self::Working => "M8 2a6 6 0 1 1-6 6",
            Self::Done => "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0zM5.4 8.2l1.8 1.8 3.4-3.8",
            Self::Failed => "M5.5 2h5L14 5.5v5L10.5 14h-5L2 10.5v-5zM6.1 6.1l3.8 3.8M9.9 6.1L6.1 9.9",
            Self::Stopped => "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0zM3.8 3.8l8.4 8.4",
            Self::Warning => "M8 2.2L14.5 13.5h-13zM8 6.5v3.2M8 11.6v.1",
            Self::Lost => "M8 1.6L14.4 8 8 14.4 1.6 8zM6.6 6.6a1.5 1.5 0 1 1 2 1.5c-.5.2-.6.5-.6.9M8 10.9v.1",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Play | Self::Stop => "icon icon--solid",
            Self::Waiting => "icon icon--waiting",
            Self::Working => "icon icon--working",
            _ => "icon",
        }
    }
}

#[component]
pub fn Icon(shape: Shape) -> impl IntoView {
    view! {
        <svg class=shape.name() viewBox="0 0 16 16" aria-hidden="true" focusable="false">
            <path d=shape.path() />
        </svg>
    }
}

/// A small shoal of fish that is a stack of cards; `public/favicon.svg` is the same.
#[component]
pub fn Logo() -> impl IntoView {
    view! {
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
            <path class="logo__back" d="M14 5h11.5a5 5 0 0 1 0 10H14l-3-3-5 3.5v-11l5 3.5z" />
            <path class="logo__middle" d="M12 11h11.5a5 5 0 0 1 0 10H12l-3-3-5 3.5v-11l5 3.5z" />
            <path class="logo__front" d="M10 17h11.5a5 5 0 0 1 0 10H10l-3-3-5 3.5v-11l5 3.5z" />
            <circle class="logo__eye" cx="21.5" cy="20.75" r="1.3" />
        </svg>
    }
}

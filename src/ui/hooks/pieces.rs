//! Taking a page over piece by piece, so that the browser answers its reader in between.
//!
//! The browser compiles a function when it is first called, and taking over a page calls thousands for the first time: on
//! a phone that would be most of a second in which nothing else happens. So the frame comes first, and each piece of it
//! in a turn of its own. Until the last is there, nothing that was rendered changes: effects wait, and whoever presses
//! a key or a button has the rest taken over at once.

#[cfg(not(feature = "hydrate"))]
use leptos::prelude::*;

#[cfg(feature = "hydrate")]
pub use browser::{piece, take_over};

/// A part of the page with one element around it, which may be taken over after the rest.
#[cfg(not(feature = "hydrate"))]
pub fn piece<V: IntoView + 'static>(view: impl FnOnce() -> V + Send + 'static) -> AnyView {
    view().into_any()
}

/// Takes over the page that the server rendered: `app` at once, its pieces one after the other.
#[cfg(not(feature = "hydrate"))]
pub async fn take_over<V: IntoView + 'static>(_app: fn() -> V) {}

#[cfg(feature = "hydrate")]
mod browser {
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;
    use std::mem;
    use std::rc::Rc;
    use std::sync::Arc;

    use any_spawner::{CustomExecutor, Executor, PinnedFuture, PinnedLocalFuture};
    use gloo_timers::future::TimeoutFuture;
    use hydration_context::{HydrateSharedContext, SharedContext};
    use leptos::attr::Attribute;
    use leptos::attr::any_attribute::AnyAttribute;
    use leptos::prelude::*;
    use leptos::tachys::hydration::Cursor;
    use leptos::tachys::renderer::types::{Element, Node};
    use leptos::tachys::view::any_view::AnyViewState;
    use leptos::tachys::view::{Mountable, Position, PositionState};
    use leptos::web_sys::js_sys::{Date, Function, Promise, Reflect};
    use leptos::web_sys::wasm_bindgen::closure::Closure;
    use leptos::web_sys::wasm_bindgen::{JsCast, JsValue};
    use wasm_bindgen_futures::{JsFuture, spawn_local};

    use super::super::use_hydrated;

    /// After so much work in one go the browser has its turn.
    const TURN_MS: f64 = 8.0;

    /// What somebody does for which the page has to listen as a whole. (What is done before the program is there, the
    /// browser answers alone.)
    const AT_ONCE: [&str; 5] = ["pointerdown", "click", "keydown", "input", "submit"];

    thread_local! {
        static LEFT: RefCell<VecDeque<Box<dyn FnOnce()>>> = const { RefCell::new(VecDeque::new()) };
        static WAITING: RefCell<Vec<PinnedLocalFuture<()>>> = const { RefCell::new(vec![]) };
        static IS_WHOLE: Cell<bool> = const { Cell::new(false) };
    }

    /// Takes over the page that the server rendered: first its frame, then its pieces one after the other.
    pub async fn take_over<V: IntoView + 'static>(app: fn() -> V) {
        // Refused only where there is one already.
        let _ = Executor::init_local_custom_executor(WhenWhole);
        let hurry = Closure::<dyn Fn()>::new(take_over_rest);
        let hurry = hurry.as_ref().unchecked_ref();
        for event in AT_ONCE {
            let _ = window().add_event_listener_with_callback_and_bool(event, hurry, true);
        }
        let context = Arc::new(HydrateSharedContext::new());
        let owner = Owner::new_root(Some(context.clone()));
        let Some(body) = document().body() else { return };
        let frame = Piece { view: Box::new(move || app().into_any()), owner: owner.clone() };
        let frame = frame.take_over_later(body.into(), Position::FirstChild);
        let mut turn = Turn::begin().await;
        while let Some(next) = next() {
            next();
            turn.end_when_long().await;
        }
        for event in AT_ONCE {
            let _ = window().remove_event_listener_with_callback_and_bool(event, hurry, true);
        }
        context.hydration_complete();
        IS_WHOLE.set(true);
        // All in one turn: the browser must see none of them without the others.
        WAITING.take().into_iter().for_each(spawn_local);
        let _ = JsFuture::from(Promise::resolve(&JsValue::UNDEFINED)).await;
        owner.with(|| use_hydrated().begin());
        // They live as long as the document.
        mem::forget((owner, frame));
    }

    /// A stretch of work, after which the browser has its turn.
    struct Turn {
        began_ms: f64,
    }

    impl Turn {
        async fn begin() -> Self {
            pause().await;
            Self { began_ms: Date::now() }
        }

        async fn end_when_long(&mut self) {
            if Date::now() - self.began_ms > TURN_MS {
                *self = Self::begin().await;
            }
        }
    }

    /// Lets the browser do what it has to. `scheduler.yield` goes on right after that; a timer takes 4 ms at least.
    async fn pause() {
        let scheduler = Reflect::get(&window(), &"scheduler".into()).unwrap_or_default();
        let go_on = Reflect::get(&scheduler, &"yield".into()).ok().and_then(|it| it.dyn_into::<Function>().ok());
        match go_on.and_then(|go_on| go_on.call0(&scheduler).ok()?.dyn_into::<Promise>().ok()) {
            Some(went_on) => drop(JsFuture::from(went_on).await),
            None => TimeoutFuture::new(0).await,
        }
    }

    fn next() -> Option<Box<dyn FnOnce()>> {
        LEFT.with_borrow_mut(VecDeque::pop_front)
    }

    fn take_over_rest() {
        while let Some(next) = next() {
            next();
        }
    }

    /// Starts what effects and answers do once the page is whole.
    struct WhenWhole;

    impl CustomExecutor for WhenWhole {
        fn spawn(&self, future: PinnedFuture<()>) {
            self.spawn_local(future);
        }

        fn spawn_local(&self, future: PinnedLocalFuture<()>) {
            if IS_WHOLE.get() {
                spawn_local(future);
            } else {
                WAITING.with_borrow_mut(|waiting| waiting.push(future));
            }
        }

        fn poll_local(&self) {}
    }

    /// A part of the page with one element around it, which may be taken over after the rest.
    pub fn piece<V: IntoView + 'static>(view: impl FnOnce() -> V + Send + 'static) -> Piece {
        Piece { view: Box::new(move || view().into_any()), owner: Owner::current().unwrap_or_default() }
    }

    /// A part of the page with one element around it.
    pub struct Piece {
        view: Box<dyn FnOnce() -> AnyView + Send>,
        owner: Owner,
    }

    #[derive(Clone)]
    pub struct PieceState(Rc<RefCell<Held>>);

    enum Held {
        /// Until the piece is taken over.
        Nothing,
        /// Until it is put into the page: what is shown while one waits is mostly never shown.
        Unbuilt(Piece),
        Built(AnyViewState),
    }

    impl PieceState {
        fn new(held: Held) -> Self {
            Self(Rc::new(RefCell::new(held)))
        }
    }

    impl Piece {
        /// `position`: where the view begins, as seen from `element`.
        fn take_over_later(self, element: Element, position: Position) -> PieceState {
            let state = PieceState::new(Held::Nothing);
            let taken = state.clone();
            LEFT.with_borrow_mut(|left| {
                left.push_back(Box::new(move || {
                    let owner = self.owner.clone();
                    let view = self.with(|view| view);
                    let hydrate = move || view.hydrate_from_position::<true>(&element, position);
                    let take_over = move || drop(taken.0.replace(Held::Built(owner.with(hydrate))));
                    LEFT.with_borrow_mut(|left| left.push_front(Box::new(take_over)));
                }));
            });
            state
        }

        fn with<T>(self, view: impl FnOnce(AnyView) -> T) -> T {
            self.owner.with(|| view((self.view)()))
        }
    }

    impl Render for Piece {
        type State = PieceState;

        fn build(self) -> PieceState {
            PieceState::new(Held::Unbuilt(self))
        }

        fn rebuild(self, state: &mut PieceState) {
            match &mut *state.0.borrow_mut() {
                Held::Built(state) => self.with(|view| view.rebuild(state)),
                Held::Unbuilt(piece) => *piece = self,
                Held::Nothing => {}
            }
        }
    }

    impl RenderHtml for Piece {
        type AsyncOutput = AnyView;
        type Owned = Self;

        const MIN_LENGTH: usize = 0;

        fn dry_resolve(&mut self) {}

        async fn resolve(self) -> AnyView {
            self.with(|view| view)
        }

        fn to_html_with_buf(
            self,
            html: &mut String,
            position: &mut Position,
            escape: bool,
            mark_branches: bool,
            attributes: Vec<AnyAttribute>,
        ) {
            self.with(|view| view.to_html_with_buf(html, position, escape, mark_branches, attributes));
        }

        fn hydrate<const FROM_SERVER: bool>(self, cursor: &Cursor, position: &PositionState) -> PieceState {
            // As an element finds itself, and leaves the cursor.
            match position.get() {
                Position::FirstChild => cursor.child(),
                Position::Current => {}
                _ => cursor.sibling(),
            }
            position.set(Position::NextChild);
            match cursor.current().dyn_into::<Element>() {
                Ok(element) => self.take_over_later(element, Position::Current),
                Err(_) => PieceState::new(Held::Nothing),
            }
        }

        fn into_owned(self) -> Self {
            self
        }
    }

    impl AddAnyAttr for Piece {
        type Output<NewAttr: Attribute> = Piece;

        /// Nothing adds attributes to a piece.
        fn add_any_attr<NewAttr: Attribute>(self, _: NewAttr) -> Piece {
            self
        }
    }

    impl Mountable for PieceState {
        fn unmount(&mut self) {
            if let Held::Built(state) = &mut *self.0.borrow_mut() {
                state.unmount();
            }
        }

        fn mount(&mut self, parent: &Element, marker: Option<&Node>) {
            let mut held = self.0.replace(Held::Nothing);
            if let Held::Unbuilt(piece) = held {
                held = Held::Built(piece.with(Render::build));
            }
            if let Held::Built(state) = &mut held {
                state.mount(parent, marker);
            }
            self.0.replace(held);
        }

        fn insert_before_this(&self, child: &mut dyn Mountable) -> bool {
            matches!(&*self.0.borrow(), Held::Built(state) if state.insert_before_this(child))
        }

        fn elements(&self) -> Vec<Element> {
            match &*self.0.borrow() {
                Held::Built(state) => state.elements(),
                _ => vec![],
            }
        }
    }
}

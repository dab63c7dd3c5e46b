//! Theme and language: a menu of plain forms, which works without the WASM, too.

use leptos::prelude::*;
use leptos_i18n::Locale as _;
use leptos_router::hooks::use_location;

use super::{Icon, MenuFrame, Shape, live, pressed};
use crate::ui::hooks::{Menu, Preferences, Theme, use_hydrated, use_notifications, use_preferences};
use crate::ui::{Locale, tr};

#[component]
pub fn PreferencesMenu() -> impl IntoView {
    let Preferences { theme, language } = use_preferences();
    let location = use_location();
    let here = move || match location.search.get() {
        query if query.is_empty() => location.pathname.get(),
        query => format!("{}?{query}", location.pathname.get()),
    };
    let menu = Menu::new();
    let (hydrated, notifications) = (use_hydrated(), use_notifications());
    let themes =
        [(Theme::System, tr!(settings.system)), (Theme::Light, tr!(settings.light)), (Theme::Dark, tr!(settings.dark))];
    let languages = [(Locale::en, "English"), (Locale::pt_BR, "Português (Brasil)")];
    let choice = |name: &'static str, value: &'static str, text: &'static str, is_chosen: bool| {
        view! {
            <button class="button button--quiet" name=name value=value aria-pressed=if is_chosen { "true" } else { "false" }>
                {text}
            </button>
        }
    };
    view! {
        <MenuFrame
            menu=menu
            class="preferences"
            summary=view! {
                <summary class="button button--quiet button--square" aria-label=tr!(settings.title) title=tr!(settings.title)>
                    <Icon shape=Shape::Sliders />
                </summary>
            }
                .into_any()
        >
            <form class="menu__items" method="post" action="/preferences">
                <input type="hidden" name="from" value=live(here) />
                <fieldset>
                    <legend>{tr!(settings.theme)}</legend>
                    {themes.map(|(this, text)| choice("theme", this.as_str(), text, this == theme)).into_iter().collect_view()}
                </fieldset>
                <fieldset>
                    <legend>{tr!(settings.notifications)}</legend>
                    <button
                        type="button"
                        class="button button--quiet"
                        aria-pressed=live(move || if notifications.is_wanted() { "true" } else { "false" })
                        disabled=live(move || !hydrated.get())
                        on:click=pressed(move |_| notifications.toggle())
                    >
                        {tr!(settings.when_ended)}
                    </button>
                    <p class="field__hint" role="status">
                        {live(move || if notifications.is_refused.get() { tr!(settings.refused) } else { "" })}
                    </p>
                </fieldset>
                <fieldset>
                    <legend>{tr!(settings.language)}</legend>
                    {languages
                        .map(|(this, text)| choice("language", this.as_str(), text, this == language))
                        .into_iter()
                        .collect_view()}
                </fieldset>
            </form>
        </MenuFrame>
    }
}

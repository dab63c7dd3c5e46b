//! The page's content: the sums, and for each way to tell them apart a chart with the numbers beneath.

use leptos::prelude::*;

use super::asked::Asked;
use super::measure::{Measure, cost, tokens};
use super::table::UsageTable;
use crate::domain::{ProjectId, UsageReport, Used, UsedByCard, UsedByProject, UsedByStage, UsedOnDay};
use crate::ui::kit::{Bar, Empty, LyingBars, StandingBars, duration, grouped};
use crate::ui::run::{stage_title, stage_tone};

/// More lying bars than this are no picture.
const BARS_MAX: usize = 10;

#[component]
pub fn Report(asked: Asked, report: UsageReport, projects: Vec<(ProjectId, String)>) -> impl IntoView {
    if report.total.executions == 0 {
        return view! {
            <Empty title="Nothing has run in this time">
                <p>"Press Run on a card: what its agent uses is counted here. Or choose a longer time, or all projects."</p>
                <p>
                    <a class="button" href="/">
                        "To the board"
                    </a>
                </p>
            </Empty>
        }
        .into_any();
    }
    let UsageReport { total, by_stage, by_day, by_project, more_projects, by_card, more_cards, .. } = report;
    let measure = Measure::of(&total);
    let names = if asked.project.is_none() && projects.len() > 1 { projects } else { vec![] };
    view! {
        <Sums total=total />
        <Days measure=measure days=by_day />
        <div class="usage__pair">
            <Stages measure=measure stages=by_stage />
            <ByProject measure=measure projects=by_project more=more_projects />
        </div>
        <Cards cards=by_card more=more_cards projects=names />
        <p class="usage__remarks">
            "Days are UTC; a stage counts for the day on which it began, one that still runs with its time until now. "
            "–: not known, because no agent told. +: at least so much, because some have not told. "
            "Cards that were deleted are not counted."
        </p>
    }
    .into_any()
}

#[component]
fn Sums(total: Used) -> impl IntoView {
    let sums = [
        ("Time", duration(total.time_ms)),
        ("Cost", cost(&total)),
        ("Tokens read", tokens(total.input_tokens, &total)),
        ("Tokens written", tokens(total.output_tokens, &total)),
        ("Attempts at stages", grouped(total.executions)),
    ];
    let sums = sums.map(|(term, sum)| {
        view! {
            <div>
                <dt class="sums__term">{term}</dt>
                <dd class="sums__sum">{sum}</dd>
            </div>
        }
    });
    view! { <dl class="sums">{sums.into_iter().collect_view()}</dl> }
}

/// One way to tell usage apart.
#[component]
fn Section(title: String, children: Children) -> impl IntoView {
    view! {
        <section class="usage__section">
            <h2 class="usage__title">{title}</h2>
            {children()}
        </section>
    }
}

#[component]
fn Days(measure: Measure, days: Vec<UsedOnDay>) -> impl IntoView {
    let bars: Vec<Bar> = days.iter().map(|day| measure.bar(day.day.clone(), None, &day.used)).collect();
    let most = bars.iter().max_by_key(|bar| bar.amount).map(|bar| format!("; the most, {}, on {}", bar.text, bar.name));
    let title = format!("{} by day", measure.title());
    let label = format!("{title}, {} days{}", bars.len(), most.unwrap_or_default());
    let rows = days.into_iter().rev().filter(|day| day.used.executions > 0);
    let rows = rows.map(|UsedOnDay { day, used }| (day.into_any(), used)).collect();
    view! {
        <Section title=title>
            <StandingBars label=label bars=bars />
            <details class="usage__days">
                <summary>"The days in numbers"</summary>
                <UsageTable caption="Usage by day" of="Day (UTC)" rows=rows />
            </details>
        </Section>
    }
}

#[component]
fn Stages(measure: Measure, stages: Vec<UsedByStage>) -> impl IntoView {
    let bar = |of: &UsedByStage| measure.bar(stage_title(of.stage).to_owned(), Some(stage_tone(of.stage)), &of.used);
    let bars: Vec<Bar> = stages.iter().map(bar).collect();
    let rows = stages.into_iter().map(|of| (stage_title(of.stage).into_any(), of.used)).collect();
    let title = format!("{} by stage", measure.title());
    view! {
        <Section title=title.clone()>
            <LyingBars label=in_words(&title, &bars) bars=bars />
            <UsageTable caption="Usage by stage" of="Stage" rows=rows />
        </Section>
    }
}

#[component]
fn ByProject(measure: Measure, projects: Vec<UsedByProject>, more: bool) -> impl IntoView {
    let bar = |of: &UsedByProject| measure.bar(of.name.clone(), None, &of.used);
    let bars: Vec<Bar> = projects.iter().take(BARS_MAX).map(bar).collect();
    let rows = projects.into_iter().map(|of| (of.name.into_any(), of.used)).collect();
    let title = format!("{} by project", measure.title());
    view! {
        <Section title=title.clone()>
            <LyingBars label=in_words(&title, &bars) bars=bars />
            <UsageTable caption="Usage by project" of="Project" rows=rows />
            {more.then(|| view! { <p class="usage__more">{only("projects")}</p> })}
        </Section>
    }
}

/// `projects` are those of which a card's is worth telling.
#[component]
fn Cards(cards: Vec<UsedByCard>, more: bool, projects: Vec<(ProjectId, String)>) -> impl IntoView {
    let bar = |of: &UsedByCard| Measure::Time.bar(of.title.clone(), None, &of.used);
    let bars: Vec<Bar> = cards.iter().take(BARS_MAX).map(bar).collect();
    let row = |UsedByCard { card_id, title, project_id, used }: UsedByCard| {
        let project = projects.iter().find(|(id, _)| *id == project_id).map(|(_, name)| name.clone());
        let name = view! {
            <a href=format!("/cards/{card_id}")>{title}</a>
            {project.map(|project| view! { <span class="numbers__project">{project}</span> })}
        };
        (name.into_any(), used)
    };
    let rows = cards.into_iter().map(row).collect();
    let title = "Time by card".to_owned();
    view! {
        <Section title=title.clone()>
            <LyingBars label=in_words(&title, &bars) bars=bars />
            <UsageTable caption="Usage by card" of="Card" rows=rows />
            {more.then(|| view! { <p class="usage__more">{only("cards")}</p> })}
        </Section>
    }
}

fn only(what: &str) -> String {
    format!("These are the {} {what} with the most time. There are more.", UsageReport::ROWS_MAX)
}

/// What a chart of few bars shows.
fn in_words(title: &str, bars: &[Bar]) -> String {
    let words: Vec<String> = bars.iter().map(|bar| format!("{} {}", bar.name, bar.text)).collect();
    format!("{title}: {}", words.join(", "))
}

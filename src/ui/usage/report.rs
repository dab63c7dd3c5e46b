//! The page's content: the sums, and for each way to tell them apart a chart with the numbers beneath.

use leptos::prelude::*;

use super::asked::Asked;
use super::measure::{Measure, cost, tokens};
use super::table::UsageTable;
use crate::domain::{ProjectId, UsageReport, Used, UsedByCard, UsedByProject, UsedByStage, UsedOnDay};
use crate::ui::kit::{Bar, Empty, LyingBars, StandingBars, date, duration, grouped};
use crate::ui::run::{stage_title, stage_tone};
use crate::ui::tr;

/// More lying bars than this are no picture.
const BARS_MAX: usize = 10;

#[component]
pub fn Report(asked: Asked, report: UsageReport, projects: Vec<(ProjectId, String)>) -> impl IntoView {
    if report.total.executions == 0 {
        return view! {
            <Empty title=tr!(usage.nothing)>
                <p>{tr!(usage.what_to_do)}</p>
                <p>
                    <a class="button" href="/">
                        {tr!(page.to_the_board)}
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
            {tr!(usage.remarks)}
        </p>
    }
    .into_any()
}

#[component]
fn Sums(total: Used) -> impl IntoView {
    let sums = [
        (tr!(usage.time), duration(total.time_ms)),
        (tr!(facts.cost), cost(&total)),
        (tr!(usage.read), tokens(total.input_tokens, &total)),
        (tr!(usage.written), tokens(total.output_tokens, &total)),
        (tr!(usage.attempts_at_stages), grouped(total.executions)),
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
    let bars: Vec<Bar> = days.iter().map(|day| measure.bar(date(&day.day), None, &day.used)).collect();
    let title = tr!(usage.by_day, what = measure.title());
    let label = match bars.iter().max_by_key(|bar| bar.amount) {
        Some(most) => {
            let (count, amount, day) = (bars.len(), most.text.clone(), most.name.clone());
            tr!(usage.chart_of_days, title = title.clone(), days = count, amount = amount, day = day)
        }
        None => title.clone(),
    };
    let rows = days.into_iter().rev().filter(|day| day.used.executions > 0);
    let rows = rows.map(|UsedOnDay { day, used }| (date(&day).into_any(), used)).collect();
    view! {
        <Section title=title>
            <StandingBars label=label bars=bars />
            <details class="usage__days">
                <summary>{tr!(usage.days_in_numbers)}</summary>
                <UsageTable caption=tr!(usage.usage_by_day) of=tr!(usage.day) rows=rows />
            </details>
        </Section>
    }
}

#[component]
fn Stages(measure: Measure, stages: Vec<UsedByStage>) -> impl IntoView {
    let bar = |of: &UsedByStage| measure.bar(stage_title(of.stage).to_owned(), Some(stage_tone(of.stage)), &of.used);
    let bars: Vec<Bar> = stages.iter().map(bar).collect();
    let rows = stages.into_iter().map(|of| (stage_title(of.stage).into_any(), of.used)).collect();
    let title = tr!(usage.by_stage, what = measure.title());
    view! {
        <Section title=title.clone()>
            <LyingBars label=in_words(&title, &bars) bars=bars />
            <UsageTable caption=tr!(usage.usage_by_stage) of=tr!(filter.stage) rows=rows />
        </Section>
    }
}

#[component]
fn ByProject(measure: Measure, projects: Vec<UsedByProject>, more: bool) -> impl IntoView {
    let bar = |of: &UsedByProject| measure.bar(of.name.clone(), None, &of.used);
    let bars: Vec<Bar> = projects.iter().take(BARS_MAX).map(bar).collect();
    let rows = projects.into_iter().map(|of| (of.name.into_any(), of.used)).collect();
    let title = tr!(usage.by_project, what = measure.title());
    view! {
        <Section title=title.clone()>
            <LyingBars label=in_words(&title, &bars) bars=bars />
            <UsageTable caption=tr!(usage.usage_by_project) of=tr!(form.project) rows=rows />
            {more.then(|| view! { <p class="usage__more">{tr!(usage.only_projects, number = UsageReport::ROWS_MAX)}</p> })}
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
    let title = tr!(usage.time_by_card).to_owned();
    view! {
        <Section title=title.clone()>
            <LyingBars label=in_words(&title, &bars) bars=bars />
            <UsageTable caption=tr!(usage.usage_by_card) of=tr!(usage.card) rows=rows />
            {more.then(|| view! { <p class="usage__more">{tr!(usage.only_cards, number = UsageReport::ROWS_MAX)}</p> })}
        </Section>
    }
}

/// What a chart of few bars shows.
fn in_words(title: &str, bars: &[Bar]) -> String {
    let words: Vec<String> = bars.iter().map(|bar| format!("{} {}", bar.name, bar.text)).collect();
    format!("{title}: {}", words.join(", "))
}

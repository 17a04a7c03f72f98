use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::frame::{Frame, Page, render};
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "statistics.html")]
struct StatisticsPage {
    frame: Frame,
    stats: Vec<(&'static str, u64)>,
}

/// `GET /statistics`
pub(crate) async fn show(visit: Visit) -> Response {
    let stats = visit.sessions.stats().iter().collect();
    render(StatusCode::OK, &StatisticsPage { frame: Frame::new(&visit, Page::Statistics, None), stats })
}

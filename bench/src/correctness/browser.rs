use crate::Failure;
use crate::world::Jar;

use super::answer::Answer;
use super::site::Site;
use super::talk::Talk;

/// One visitor, who keeps the cookies of every answer.
pub(super) struct Browser<'a> {
    talk: &'a Talk,
    pub(super) jar: Jar,
}

impl<'a> Browser<'a> {
    /// Nobody yet.
    pub(super) fn new(talk: &'a Talk) -> Self {
        Self { talk, jar: Jar::default() }
    }

    /// With a session that has a cart and a counter.
    pub(super) async fn with_session(site: &Site, talk: &'a Talk) -> Result<Self, Failure> {
        let mut browser = Self::new(talk);
        browser.ask(site, "POST /start").await?;
        match browser.jar.is_empty() {
            true => Err("a session was started without a cookie".into()),
            false => Ok(browser),
        }
    }

    pub(super) async fn ask(&mut self, site: &Site, line: &str) -> Result<Answer, Failure> {
        let answer = site.ask(self.talk, line, self.jar.line()).await?;
        self.keep(&answer);
        Ok(answer)
    }

    /// Takes the cookies of an answer to a request that was sent some other way.
    pub(super) fn keep(&mut self, answer: &Answer) {
        answer.sets.iter().for_each(|set| self.jar.keep(set));
    }

    /// What it holds now.
    pub(super) fn cookies(&self) -> String {
        self.jar.line().to_owned()
    }
}

//! The texts of the pages, in each language.

use std::fmt::Display;

use crate::error::Problem;
use crate::language::Language;
use crate::preferences::Theme;
use crate::trace::Level;

macro_rules! texts {
    ($($key:ident: $en:literal, $de:literal;)*) => {
        /// All texts of the pages. [`fill`] replaces `{}` with a number or a name.
        pub(crate) struct Texts {
            $(pub(crate) $key: &'static str,)*
            /// Title and explanation.
            pub(crate) problem: fn(Problem) -> (&'static str, &'static str),
        }

        const ENGLISH: Texts = Texts { $($key: $en,)* problem: english };
        const GERMAN: Texts = Texts { $($key: $de,)* problem: german };
    };
}

texts! {
    add: "Add to cart", "In den Korb";
    added: "{} is in your cart.", "{} liegt in Ihrem Korb.";
    admin: "Administrator", "Verwaltung";
    ago_days: "{} d ago", "vor {} T.";
    ago_hours: "{} h ago", "vor {} Std.";
    ago_minutes: "{} min ago", "vor {} Min.";
    ago_now: "just now", "gerade eben";
    appoint: "Make staff", "Ins Team";
    cart: "Cart", "Korb";
    cart_empty: "Nothing on your pegs yet.", "An Ihren Haken hängt noch nichts.";
    cart_empty_hint: "What you add stays for as long as your session does, signed in or not.",
        "Was Sie hineinlegen, bleibt so lange wie Ihre Sitzung, angemeldet oder nicht.";
    change_password: "Change password", "Passwort ändern";
    change_password_hint: "Your other devices are signed out when the password changes.",
        "Mit dem Passwort werden Ihre anderen Geräte abgemeldet.";
    counts: "Counts since the start", "Zähler seit dem Start";
    customer: "Customer", "Kundschaft";
    demo_accounts: "Accounts to try", "Konten zum Ausprobieren";
    demo_note: "A demonstration of Cloakroom, the session-level cache. Nothing here can be bought.",
        "Eine Vorführung von Cloakroom, dem Cache auf Sitzungsebene. Hier ist nichts zu kaufen.";
    devices_ended: "Signed out on other devices: {}.", "Auf anderen Geräten abgemeldet: {}.";
    devices_hint: "Everywhere you are signed in. A cart on a device that you sign out here goes with it.",
        "Überall, wo Sie angemeldet sind. Der Korb eines Geräts, das Sie hier abmelden, geht mit.";
    dismiss: "Remove from staff", "Aus dem Team";
    earlier: "The requests before this one", "Die Anfragen davor";
    everything: "Everything we have", "Alles, was wir haben";
    from_application: "application cache", "Anwendungs-Cache";
    from_database: "database", "Datenbank";
    from_nobody: "nobody yet", "noch niemandem";
    from_own_memory: "Your session was in its memory.", "Ihre Sitzung lag in seinem Speicher.";
    from_request: "this request", "diese Anfrage";
    from_session: "session cache", "Sitzungs-Cache";
    from_shared_store: "It fetched your session from the shared store.",
        "Es hat Ihre Sitzung aus dem gemeinsamen Speicher geholt.";
    goes_with: "Goes well with", "Passt gut dazu";
    kept_in_account: "Kept in your account, and the same on all your devices.",
        "Gehört zu Ihrem Konto und gilt auf allen Geräten.";
    kept_in_session: "Kept in this session. Sign in to keep your choice in your account.",
        "Gilt für diese Sitzung. Wenn Sie sich anmelden, behält Ihr Konto die Wahl.";
    language: "Language", "Sprache";
    my_devices: "My devices", "Meine Geräte";
    name: "Name", "Name";
    navigation: "Main", "Hauptmenü";
    panel: "Where this page came from", "Woher diese Seite kam";
    panel_asked: "Database queries made for this page: {}.", "Datenbankabfragen für diese Seite: {}.";
    panel_off:
        "The session cache is switched off (--no-session-cache): what it would have kept is asked from the database every time.",
        "Der Sitzungs-Cache ist ausgeschaltet (--no-session-cache): Was er behalten hätte, wird jedes Mal aus der Datenbank geholt.";
    panel_saved: "Saved by caches: {}.", "Durch Caches gespart: {}.";
    panel_took: "Time until here: {}.", "Zeit bis hierher: {}.";
    own_name: "English", "Deutsch";
    password: "Password", "Passwort";
    password_changed: "Your password is changed. Other sessions ended: {}.",
        "Ihr Passwort ist geändert. Beendete andere Sitzungen: {}.";
    password_new: "New password", "Neues Passwort";
    password_now: "Present password", "Jetziges Passwort";
    password_rule: "Eight characters or more. A sentence is fine.", "Acht Zeichen oder mehr. Gern ein ganzer Satz.";
    people: "People", "Personen";
    preferences: "Preferences", "Einstellungen";
    quantity: "Quantity", "Menge";
    queries: "queries", "Abfragen";
    recent: "Recently viewed", "Zuletzt angesehen";
    recommended: "You may also need", "Das könnte noch fehlen";
    remember: "Keep me signed in for 30 days", "30 Tage angemeldet bleiben";
    remove: "Remove", "Entfernen";
    save: "Save", "Speichern";
    saved: "Saved.", "Gespeichert.";
    saved_queries: "saved", "gespart";
    seen: "Active", "Aktiv";
    served_by: "Served by {}.", "Bedient von {}.";
    session_over: "Your session is over: it was idle for too long, or was signed out elsewhere.",
        "Ihre Sitzung ist zu Ende: zu lange nichts getan, oder anderswo abgemeldet.";
    shop: "Shop", "Laden";
    sign_in: "Sign in", "Anmelden";
    sign_in_again: "Please sign in once more, so that we know it is you.",
        "Bitte melden Sie sich noch einmal an, damit wir wissen, dass Sie es sind.";
    sign_out: "Sign out", "Abmelden";
    sign_out_everywhere: "Sign out everywhere", "Überall abmelden";
    sign_out_others: "Sign out all others", "Alle anderen abmelden";
    signed_in: "signed in", "angemeldet";
    signed_out: "You are signed out. Your cart waits for you.", "Sie sind abgemeldet. Ihr Korb wartet auf Sie.";
    skip: "Skip to the content", "Zum Inhalt springen";
    sold_out: "Sold out", "Ausverkauft";
    source: "Answered by", "Antwort von";
    staff: "Staff", "Team";
    staff_sessions: "Sessions, events, statistics", "Sitzungen, Ereignisse, Zahlen";
    tagline: "Good things for the hallway, and for leaving it.",
        "Gute Dinge für den Flur und für alles, was vor der Tür liegt.";
    theme: "Appearance", "Aussehen";
    theme_dark: "Dark", "Dunkel";
    theme_light: "Light", "Hell";
    theme_system: "Like my system", "Wie mein System";
    things_in_cart: "things in it: {}", "Dinge darin: {}";
    this_device: "This device", "Dieses Gerät";
    this_session: "This session", "Diese Sitzung";
    time: "Time", "Zeit";
    to_shop: "To the shop", "Zum Laden";
    total: "Total", "Summe";
    update: "Update", "Ändern";
    value: "Value", "Wert";
    whole_shop: "The whole shop", "Der ganze Laden";
}

impl Texts {
    pub(crate) const fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &ENGLISH,
            Language::De => &GERMAN,
        }
    }

    /// Returns a text such as "5 min ago".
    pub(crate) fn ago(&self, seconds: &u64) -> String {
        match seconds / 60 {
            0 => self.ago_now.to_owned(),
            minutes @ 1..60 => fill(self.ago_minutes, minutes),
            minutes @ 60..1440 => fill(self.ago_hours, minutes / 60),
            minutes => fill(self.ago_days, minutes / 1440),
        }
    }

    pub(crate) const fn theme_name(&self, theme: &Theme) -> &'static str {
        match theme {
            Theme::System => self.theme_system,
            Theme::Light => self.theme_light,
            Theme::Dark => self.theme_dark,
        }
    }

    pub(crate) const fn level(&self, level: &Level) -> &'static str {
        match level {
            Level::Request => self.from_request,
            Level::Session => self.from_session,
            Level::Application => self.from_application,
            Level::Database => self.from_database,
            Level::Absent => self.from_nobody,
        }
    }
}

/// Returns `text` with `value` instead of its `{}`.
pub(super) fn fill(text: &str, value: impl Display) -> String {
    text.replacen("{}", &value.to_string(), 1)
}

fn english(problem: Problem) -> (&'static str, &'static str) {
    match problem {
        Problem::BadInput(_) => {
            ("That did not fit", "Something in the form could not be read. Go back and look at its fields.")
        }
        Problem::SignInFirst => ("Please sign in", "This page is for signed-in visitors."),
        Problem::WrongPassword => ("Not signed in", "This name and password do not belong together."),
        Problem::NotAllowed => ("Staff only", "Your account may not open this page. Somebody with the right role can."),
        Problem::CrossSite => (
            "Sent from somewhere else",
            "Another site tried to do this in your name, so it was not done. If it was you, use the forms of this shop.",
        ),
        Problem::UnknownSite => (
            "Sent from somewhere unknown",
            "Your browser does not say which site sent this, so it was not done. Use a newer browser.",
        ),
        Problem::NoSuchItem => ("We do not have that", "No such item, or not any more."),
        Problem::NoSuchPage => ("Nothing hangs here", "There is no page at this address."),
        Problem::NoSuchDevice => ("No such device", "It is signed out already, or it was never yours."),
        Problem::WrongMethod => ("Wrong door", "This address is for forms. Start again in the shop."),
        Problem::SoldOut => ("Sold out", "The last one has just left the shop."),
        Problem::Conflict => ("Somebody was faster", "This was changed at the same moment from elsewhere. Try again."),
        Problem::TooLarge => ("Too much to carry", "This is more than the shop can keep for one visitor."),
        Problem::TooManyAttempts => ("Too many attempts", "Too many attempts for this account. Try again in a minute."),
        Problem::Internal => ("Our mistake", "Something went wrong on our side. It has been noted."),
        Problem::Unavailable => {
            ("Back in a moment", "The shop is catching its breath. Nothing is lost; try again shortly.")
        }
    }
}

fn german(problem: Problem) -> (&'static str, &'static str) {
    match problem {
        Problem::BadInput(_) => (
            "Das passt nicht",
            "Etwas im Formular war nicht zu lesen. Bitte gehen Sie zurück und sehen Sie die Felder durch.",
        ),
        Problem::SignInFirst => ("Bitte anmelden", "Diese Seite ist für Angemeldete."),
        Problem::WrongPassword => ("Nicht angemeldet", "Name und Passwort gehören nicht zusammen."),
        Problem::NotAllowed => ("Nur für das Team", "Ihr Konto darf diese Seite nicht öffnen."),
        Problem::CrossSite => (
            "Von anderswo geschickt",
            "Eine andere Website wollte das in Ihrem Namen tun; es ist nichts geschehen. Wenn Sie es selbst waren, nehmen Sie die Formulare dieses Ladens.",
        ),
        Problem::UnknownSite => (
            "Von unbekannt geschickt",
            "Ihr Browser sagt nicht, welche Website das geschickt hat; es ist nichts geschehen. Nehmen Sie einen neueren Browser.",
        ),
        Problem::NoSuchItem => ("Das haben wir nicht", "Diesen Artikel gibt es nicht oder nicht mehr."),
        Problem::NoSuchPage => ("Hier hängt nichts", "Unter dieser Adresse gibt es keine Seite."),
        Problem::NoSuchDevice => ("Kein solches Gerät", "Es ist schon abgemeldet, oder es war nie Ihres."),
        Problem::WrongMethod => ("Falsche Tür", "Diese Adresse ist für Formulare. Bitte beginnen Sie im Laden."),
        Problem::SoldOut => ("Ausverkauft", "Das letzte Stück hat gerade den Laden verlassen."),
        Problem::Conflict => {
            ("Jemand war schneller", "Das wurde im selben Augenblick anderswo geändert. Bitte noch einmal.")
        }
        Problem::TooLarge => ("Zu viel zu tragen", "Das ist mehr, als der Laden für einen Gast behalten kann."),
        Problem::TooManyAttempts => {
            ("Zu viele Versuche", "Zu viele Versuche für dieses Konto. In einer Minute geht es wieder.")
        }
        Problem::Internal => ("Unser Fehler", "Bei uns ist etwas schiefgegangen. Es ist notiert."),
        Problem::Unavailable => {
            ("Gleich wieder da", "Der Laden holt kurz Luft. Nichts ist verloren; bitte gleich noch einmal.")
        }
    }
}

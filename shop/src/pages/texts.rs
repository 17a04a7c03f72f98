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
    added_link: "See the cart", "Zum Korb";
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
    delay_note: "the database is {} away (simulated)", "die Datenbank ist {} entfernt (simuliert)";
    devices_ended: "Signed out on other devices: {}.", "Auf anderen Geräten abgemeldet: {}.";
    devices_hint: "Everywhere you are signed in. A cart on a device that you sign out here goes with it.",
        "Überall, wo Sie angemeldet sind. Der Korb eines Geräts, das Sie hier abmelden, geht mit.";
    dismiss: "Remove from staff", "Aus dem Team";
    earlier: "The requests before this one", "Die Anfragen davor";
    ends_cart: "Then the cart is emptied.", "Dann ist der Korb leer.";
    ends_if: "if you open no other page.", "ohne einen weiteren Seitenaufruf.";
    ends_in: "Your session ends in", "Ihre Sitzung endet in";
    ends_user: "Then you are signed out, and the cart is emptied.", "Dann sind Sie abgemeldet, und der Korb ist leer.";
    estimated: "estimated", "geschätzt";
    everything: "Everything we have", "Alles, was wir haben";
    first_time: "Some answers were not in memory yet. They are now:", "Manches war noch nicht im Speicher. Jetzt ist es das:";
    from_application: "shared memory", "gemeinsamer Speicher";
    from_database: "database", "Datenbank";
    from_nobody: "nothing yet", "noch nichts";
    from_own_memory: "Your session was in its memory.", "Ihre Sitzung lag in seinem Speicher.";
    from_request: "this page", "diese Seite";
    from_session: "session cache", "Sitzungs-Cache";
    from_shared_store: "It fetched your session from the shared store.",
        "Es hat Ihre Sitzung aus dem gemeinsamen Speicher geholt.";
    goes_with: "Goes well with", "Passt gut dazu";
    kept_in_account: "Kept in your account, and the same on all your devices.",
        "Gehört zu Ihrem Konto und gilt auf allen Geräten.";
    kept_in_session: "Kept in this session. Sign in to keep your choice in your account.",
        "Gilt für diese Sitzung. Wenn Sie sich anmelden, behält Ihr Konto die Wahl.";
    intro: "A web shop asks its database who you are and what is in your cart, again on every click. This one asks once and remembers it in memory until your visit (your session) ends. It is a demo of Cloakroom, a library for web servers in Rust.",
        "Ein Webladen fragt seine Datenbank bei jedem Klick von Neuem, wer Sie sind und was in Ihrem Korb liegt. Dieser fragt einmal und behält es im Speicher, bis Ihr Besuch (Ihre Sitzung) endet. Er führt Cloakroom vor, eine Bibliothek für Webserver in Rust.";
    language: "Language", "Sprache";
    legend_absent: "There is nothing yet, such as the cart of a visitor who has put nothing in it.",
        "Es gibt noch nichts, etwa den Korb von jemandem, der nichts hineingelegt hat.";
    legend_application: "Remembered in memory for all visitors together, such as the products.",
        "Im Speicher für alle zusammen, etwa das Sortiment.";
    legend_database: "The database was asked, and the page waited for its answer.",
        "Die Datenbank wurde gefragt, und die Seite hat auf ihre Antwort gewartet.";
    legend_request: "This page had looked it up a moment before.", "Diese Seite hatte es eben erst nachgesehen.";
    legend_session: "Remembered in memory for you until your session ends, so that no database was asked.",
        "Im Speicher für Sie, bis Ihre Sitzung endet; keine Datenbank wurde gefragt.";
    measured: "measured when the shop opened", "gemessen, als der Laden öffnete";
    measured_before: "measured at your last visit of it", "gemessen bei Ihrem letzten Aufruf";
    measured_now: "measured just now", "eben gemessen";
    my_devices: "My devices", "Meine Geräte";
    name: "Name", "Name";
    navigation: "Main", "Hauptmenü";
    not_measured: "not measured yet: switch to see", "noch nicht gemessen: umschalten und sehen";
    panel: "Where this page came from", "Woher diese Seite kam";
    panel_intro: "Each line is something that this page had to know about you or the shop, and where it found it.",
        "Jede Zeile ist etwas, das diese Seite über Sie oder den Laden wissen musste, und wo sie es fand.";
    panel_asked: "Database queries made for this page: {}.", "Datenbankabfragen für diese Seite: {}.";
    panel_saved: "Saved by the session cache: {}.", "Durch den Sitzungs-Cache gespart: {}.";
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
    query: "query", "Abfrage";
    recent: "Recently viewed", "Zuletzt angesehen";
    recommended: "You may also need", "Das könnte noch fehlen";
    reload: "Load this page again", "Diese Seite noch einmal laden";
    remember: "Keep me signed in for 30 days", "30 Tage angemeldet bleiben";
    remove: "Remove", "Entfernen";
    save: "Save", "Speichern";
    saved: "Saved.", "Gespeichert.";
    saved_all: "All visitors saved", "Alle haben gespart";
    saved_queries: "saved", "gespart";
    saved_you: "You saved", "Sie haben gespart";
    seen: "Last seen", "Zuletzt gesehen";
    served_by: "Served by {}.", "Bedient von {}.";
    session_over: "Your session is over: its time was up, or it was signed out elsewhere. Your cart is empty again.",
        "Ihre Sitzung ist zu Ende: Ihre Zeit war um, oder sie wurde anderswo abgemeldet. Ihr Korb ist wieder leer.";
    shop: "Shop", "Laden";
    sign_in: "Sign in", "Anmelden";
    shop_intro: "This demo shop shows what a session cache saves", "Dieser Laden zeigt, was ein Sitzungs-Cache spart";
    sign_in_again: "Please sign in once more, so that we know it is you.",
        "Bitte melden Sie sich noch einmal an, damit wir wissen, dass Sie es sind.";
    sign_out: "Sign out", "Abmelden";
    sign_out_everywhere: "Sign out everywhere", "Überall abmelden";
    sign_out_others: "Sign out all others", "Alle anderen abmelden";
    signed_in: "Signed in", "Angemeldet";
    signed_out: "You are signed out. Your cart waits for you.", "Sie sind abgemeldet. Ihr Korb wartet auf Sie.";
    skip: "Skip to the content", "Zum Inhalt springen";
    sign_in_alice: "Sign in as Alice (demo account)", "Als Alice anmelden (Demokonto)";
    sold_out: "Sold out", "Ausverkauft";
    source: "Answered by", "Antwort von";
    staff: "Staff", "Team";
    staff_sessions: "Sessions, events, statistics", "Sitzungen, Ereignisse, Zahlen";
    strip: "With and without the session cache", "Mit und ohne Sitzungs-Cache";
    strip_page: "This page, for you", "Diese Seite, für Sie";
    strip_sample: "This page, for a visitor with something in the cart", "Diese Seite, für einen Gast mit etwas im Korb";
    tagline: "Good things for the hallway, and for leaving it.",
        "Gute Dinge für den Flur und für alles, was vor der Tür liegt.";
    theme: "Appearance", "Aussehen";
    theme_dark: "Dark", "Dunkel";
    theme_light: "Light", "Hell";
    theme_system: "Like my system", "Wie mein System";
    things_in_cart: "things in it: {}", "Dinge darin: {}";
    this_device: "This device", "Dieses Gerät";
    this_session: "This session", "Diese Sitzung";
    place: "from {}", "von {}";
    this_machine: "this machine", "diesem Rechner";
    time_saved_is: "Time saved: the queries saved, times the {} that a query takes here on average.",
        "Gesparte Zeit: die gesparten Abfragen mal {}, die eine Abfrage hier im Mittel dauert.";
    time: "Time", "Zeit";
    to_shop: "To the shop", "Zum Laden";
    try_it: "Try it: put something from below in the cart, or sign in. Then switch, and compare the times.",
        "Zum Ausprobieren: Legen Sie unten etwas in den Korb, oder melden Sie sich an. Dann schalten Sie um und vergleichen die Zeiten.";
    try_on: "Switch, and compare the times. The end of each page shows where it found what it had to know about you.",
        "Schalten Sie um, und vergleichen Sie die Zeiten. Am Ende jeder Seite steht, wo sie fand, was sie über Sie wissen musste.";
    total: "Total", "Summe";
    update: "Update", "Ändern";
    value: "Value", "Wert";
    with_cache: "With session cache", "Mit Sitzungs-Cache";
    with: "With", "Mit";
    without: "Without", "Ohne";
    without_cache: "Without", "Ohne";
    wrong_password_now: "This is not your present password.", "Das ist nicht Ihr jetziges Passwort.";
    wrong_quantity: "A whole number from 0 to 9999, please.", "Bitte eine ganze Zahl von 0 bis 9999.";
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

    pub(crate) fn delay_note(&self, delay: &str) -> String {
        fill(self.delay_note, delay)
    }

    pub(crate) fn place(&self, place: &str) -> String {
        fill(self.place, place)
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
        Problem::TooLarge => ("Too much data", "This is more than the shop can keep for one visitor."),
        Problem::TooManyAttempts => ("Too many attempts", "Too many attempts for this account. Try again in a minute."),
        Problem::Internal => ("Our mistake", "Something went wrong on our side. It has been noted."),
        Problem::Unavailable => {
            ("Back in a moment", "The shop cannot reach its session store. Nothing is lost; try again shortly.")
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

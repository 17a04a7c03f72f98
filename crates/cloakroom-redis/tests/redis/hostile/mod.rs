//! Servers that were broken into, or that never were what they say: whatever they answer is an error or a
//! miss, never somebody else's session, and never the end of the process.

mod configuration;
#[path = "../../../../cloakroom/tests/support/figures.rs"]
mod figures;
mod pushes;
mod records;
mod replies;

#[test]
fn the_page_says_how_many_hostile_inputs_there_are() {
    let sound = records::corpus::sound();
    figures::assert_said(&[
        ("records", records::corpus::cases().len()),
        ("answers of a server", replies::corpus::cases(&sound).len()),
        ("messages of a server", pushes::corpus::ROWS.len()),
        ("addresses of a server", configuration::corpus::ADDRESSES.len()),
        ("settings of the store", configuration::corpus::BUILDERS.len()),
    ]);
}

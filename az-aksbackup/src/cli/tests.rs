use aksbackup_shared::command_line::unknown;
use aksbackup_shared::program::Program;
use aksbackup_shared::schema::settings::{FLAGS, is_known};
use clap::CommandFactory as _;

use super::Cli;

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

/// Fails before: a short flag that a repeated command doesn't know was printed twice, or hid the `y` next to it.
#[test]
fn a_repeated_command_knows_every_short_flag_and_every_other_name() {
    assert_eq!(unknown(Program::Az, &Cli::command()), Vec::<String>::new());
}

#[test]
fn every_command_has_examples() {
    for command in Cli::command().get_subcommands() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.starts_with("Examples:"), "{}", command.get_name());
    }
}

#[test]
fn every_exit_code_is_in_the_help() {
    let help = Cli::command().render_long_help().to_string();
    for (exit, _) in aksbackup_shared::exit::Exit::ALL {
        assert!(help.contains(&format!("{:>5}  ", exit.code())), "{exit:?}");
    }
}

#[test]
fn every_flag_that_stands_for_a_key_is_one_of_init() {
    let command = Cli::command();
    let init = command.get_subcommands().find(|own| own.get_name() == "init").unwrap();
    let names: Vec<String> = init
        .get_arguments()
        .flat_map(|own| own.get_long_and_visible_aliases().unwrap_or_default())
        .map(|own| format!("--{own}"))
        .collect();
    for (key, flag) in FLAGS {
        assert!(is_known(key), "{key}");
        assert!(names.iter().any(|own| own == flag), "{flag} of {names:?}");
    }
}

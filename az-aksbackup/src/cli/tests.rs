use clap::CommandFactory as _;

use super::Cli;

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
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

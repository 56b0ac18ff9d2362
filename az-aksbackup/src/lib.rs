//! The cloud plane of aksbackup: `az aksbackup`.

mod arm;
mod cloud;
mod login;

//! The measurement function: it reports its instance, spins if asked, makes a payload if asked, and stamps.
//!
//! Behind a Runtime API it asks for events, else it serves HTTP on $PORT. Only the standard library: the cold start
//! should measure the platform.

mod filler;
mod function;
mod instance;
mod json;
mod lambda;
mod params;
mod sha256;
mod web;
mod wire;

use std::env;
use std::process::exit;
use std::sync::Arc;

fn main() {
    let first = instance::First::now();
    let function = Arc::new(function::Function::new(instance::Identity::new(first)));
    let api = env::var("AWS_LAMBDA_RUNTIME_API").unwrap_or_default();
    if env::var("STELLAR_FILLER_READ").as_deref() == Ok("1") {
        let root = env::var("LAMBDA_TASK_ROOT").unwrap_or_else(|_| ".".into());
        if let Err(why) = filler::read(&root) {
            eprintln!("measure: {why}");
            if !api.is_empty() {
                lambda::report_init_error(&api, &why);
            }
            exit(1);
        }
    }
    let end = if !api.is_empty() {
        lambda::serve(function, &api)
    } else {
        // The first variable is that of Azure Functions.
        let port = env::var("FUNCTIONS_CUSTOMHANDLER_PORT").or_else(|_| env::var("PORT"));
        match port.ok().and_then(|p| p.parse::<u16>().ok()) {
            Some(port) => web::serve(function, port),
            None => "neither AWS_LAMBDA_RUNTIME_API nor PORT is set: nothing to serve".into(),
        }
    };
    eprintln!("measure: {end}");
    exit(1);
}

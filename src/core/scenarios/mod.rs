//! What happens, told as stories: the verbs in every state, dependencies, opening and closing, reloads, restarts.

mod dependencies;
mod evening;
mod lifecycle;
mod limit;
mod outage;
mod reload;
mod restart;
mod verbs;

//! What happens, told as stories: the verbs in every state, dependencies, opening and closing, reloads, restarts.

mod budget;
mod dependencies;
mod evening;
mod lifecycle;
mod limit;
mod long_night;
mod nobody_watched;
mod outage;
mod reload;
mod restart;
mod runaway;
mod verbs;

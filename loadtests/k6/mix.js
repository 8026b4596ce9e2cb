// Randomised endpoints: which operation an iteration does. Pure.

/** @typedef {import("./random.js").Random} Random */
/** @typedef {import("./profiles.js").Profile} Profile */

/**
 * Return each operation once, in the profile's order, then by weight: the shortest run does everything.
 * @param {Profile} profile @param {number} iteration of the whole run, from 0 @param {Random} random
 */
export function operationOf(profile, iteration, random) {
    if (iteration < profile.weights.length) {
        return profile.weights[iteration][0];
    }
    let left = random.float() * profile.weights.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of profile.weights) {
        left -= weight;
        if (left < 0) {
            return name;
        }
    }
    return profile.weights[profile.weights.length - 1][0];
}

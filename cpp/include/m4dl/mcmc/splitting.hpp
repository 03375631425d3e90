// The Hamiltonian Psi(z) + |z|^2/2 + |v|^2/2, split so that its Gaussian part moves exactly:
//
//     v <- v - kappa grad Psi(z),    (z, v) <- (c z + s v, c v - s z),    v <- v - kappa grad Psi(z).
//
// The middle is a rotation: it keeps |z|^2 + |v|^2, so only the kicks change the energy, by what they
// add to |v|^2/2, and by Psi; nothing grows with the dimension (Beskos, Pinski, Sanz-Serna, Stuart,
// Stochastic Process. Appl. 2011). With kappa = eps/2 the angle is 2 atan(kappa), which is eps up to
// O(eps^3), and is rational in kappa: no trigonometric function, whose last bit differs between
// libraries. One such step with v ~ N(0, I) is the proposal of infinity-MALA (Cotter, Roberts, Stuart,
// White, Statist. Sci. 2013; Beskos, Girolami, Lan, Farrell, Stuart, J. Comput. Phys. 2017) with
// h = eps^2:
//
//     z' = rho z + sqrt(1 - rho^2) (v - sqrt(h)/2 grad Psi(z)),    rho = (1 - h/4)/(1 + h/4).
#pragma once

#include "m4dl/mcmc/concept.hpp"

namespace m4dl {

// The largest eps, at which the angle is a right one: z' = v, an independent draw if Psi = 0.
inline constexpr double kLargestSplittingStep = 2.0;

struct Rotation {
    Lanes cosine, sine;
    explicit Rotation(const Lanes& kappa)
        : cosine((1.0 - kappa.square()) / (1.0 + kappa.square())),
          sine(2.0 * kappa / (1.0 + kappa.square())) {}
};

// v <- v - kick g; returns what that adds to |v|^2/2.
inline Lanes kick(const Block& g, const Lanes& strength, Block& v) {
    return 0.5 * sum_rows(v.rows(), [&](Index k) -> Lanes {
               const Lanes before = v.row(k), after = before - strength * g.row(k);
               v.row(k) = after;
               return (after - before) * (after + before);
           });
}

// The kick, and the rotation of (from, v) into (to, v) behind it; `to` may be `from`.
inline Lanes kick_and_rotate(const Block& g, const Lanes& strength, const Rotation& r,
                             const Block& from, Block& to, Block& v) {
    return 0.5 * sum_rows(v.rows(), [&](Index k) -> Lanes {
               const Lanes z = from.row(k), before = v.row(k), after = before - strength * g.row(k);
               to.row(k) = r.cosine * z + r.sine * after;
               v.row(k) = r.cosine * after - r.sine * z;
               return (after - before) * (after + before);
           });
}

}  // namespace m4dl

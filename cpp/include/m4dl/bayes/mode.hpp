// A state near the mode of exp(-Phi(xi) - |xi|^2/2), by truncated Gauss-Newton steps from xi = 0:
//
//     (I + H) d = -(xi + grad Phi(xi)),   H the Gauss-Newton product at xi,
//
// by a few conjugate gradients, halved until the potential decreases (Nocedal, Wright, Numerical
// Optimization 2006, sec. 7.1, 10.3).
#pragma once

#include <utility>

#include "m4dl/base/block.hpp"

namespace m4dl {

// `work` has phi(xi, gradient) and gauss_newton(dxi, out). All lanes do the same. As far as a
// preconditioner cares, not to convergence: at most 8 steps of 16 products, while one step still
// takes a tenth off the potential.
template <class Work>
Vector near_mode(Work& work, Index white) {
    constexpr int kSteps = 8, kInner = 16, kHalvings = 8;
    constexpr double kWorthwhile = 0.1;
    Block xi = Block::Zero(white, kLanes), gradient(xi), trial(xi), trial_gradient(xi);
    Block d(xi), r(xi), z(xi), product(xi);
    double value = work.phi(xi, gradient)[0];
    for (int step = 0; step < kSteps && std::isfinite(value); ++step) {
        d.setZero();
        r = -(xi + gradient);
        z = r;
        double rr = dot(r, r)[0];
        const double enough = 1e-2 * rr;
        for (int inner = 0; inner < kInner && rr > enough; ++inner) {
            work.gauss_newton(z, product);
            product += z;
            const double alpha = rr / dot(z, product)[0];
            d += alpha * z;
            r -= alpha * product;
            const double next = dot(r, r)[0];
            z = r + next / rr * z;
            rr = next;
        }
        double t = 1.0, lower = value;
        for (int halving = 0; halving <= kHalvings; ++halving, t *= 0.5) {
            trial = xi + t * d;
            lower = work.phi(trial, trial_gradient)[0] + 0.5 * dot(trial, trial)[0];
            if (lower < value) break;
        }
        if (!(lower < value)) break;  // NaN, too
        const bool last = lower > (1.0 - kWorthwhile) * value;
        value = lower;
        std::swap(xi, trial);
        std::swap(gradient, trial_gradient);
        if (last) break;
    }
    return xi.col(0).matrix();
}

}  // namespace m4dl

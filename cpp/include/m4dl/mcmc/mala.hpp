// Metropolis-adjusted Langevin (Roberts, Tweedie, Bernoulli 1996): the Euler step with the exact
// Metropolis correction. With g = xi + grad Phi, the noise that would lead back from xi' to xi is
//
//     w' = sqrt(h/2) (g(xi) + g(xi')) - w,
//
// so log q(xi', xi) - log q(xi, xi') = (|w|^2 - |w'|^2)/2.
#pragma once

#include "m4dl/mcmc/langevin.hpp"
#include "m4dl/mcmc/tuning.hpp"

namespace m4dl {

struct Mala {
    double step_size;
    double target = 0.0;

    using Tuning = PerChain;
    static constexpr bool kGradient = true;
    double first_step_size() const { return step_size; }
    double largest_step_size() const { return std::numeric_limits<double>::infinity(); }
    double target_acceptance() const { return target; }

    StepResult step(ChainState& s, Density& potential, const Random& random, std::uint64_t step,
                    const Lanes& size) const {
        const Lanes h = sometimes_shorter(target > 0, random, step, size);
        langevin_proposal(s, random, step, h);
        const Lanes phi = potential.phi(s.proposal, s.proposal_gradient);
        const Lanes root = (0.5 * h).sqrt();
        // The change of |xi|^2 + |noise|^2, summed without cancellation.
        const Lanes change = sum_rows(s.xi.rows(), [&](Index k) -> Lanes {
            const Lanes here = s.xi.row(k), there = s.proposal.row(k), w = s.noise.row(k);
            const Lanes back =
                root * (here + s.gradient.row(k) + there + s.proposal_gradient.row(k)) - w;
            return (here - there) * (here + there) + (w - back) * (w + back);
        });
        const Lanes log_ratio = s.phi - phi + 0.5 * change;
        StepResult result =
            metropolis(s, phi, log_ratio, random.uniforms(Stream::kAccept, step), true);
        result.tells = (h == size);
        return result;
    }
};

static_assert(Kernel<Mala>);

}  // namespace m4dl

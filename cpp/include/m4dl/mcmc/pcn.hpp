// Preconditioned Crank-Nicolson (Cotter, Roberts, Stuart, White, Statist. Sci. 2013):
//
//     xi' = sqrt(1 - beta^2) xi + beta w,
//
// reversible for N(0, I), so that the ratio is the potential's alone. In white space the prior mean
// cannot enter, so the proposal cannot be wrongly centred; on the white noise of a reference N(m, C)
// it is the generalised pCN, centred at m.
//
// A chain whose beta nears 1 makes independent proposals, which never follow a bend of the posterior:
// with a safeguard one step in four is then shorter, by a factor log-uniform on (kShortest, 1).
#pragma once

#include "m4dl/mcmc/prior_step.hpp"
#include "m4dl/mcmc/tuning.hpp"

namespace m4dl {

struct Pcn {
    double beta;
    double target = 0.0;
    Index safeguard = 0;

    static constexpr double kLong = 0.5;
    using Tuning = PerChain;
    static constexpr bool kGradient = false;
    double first_step_size() const { return beta; }
    double largest_step_size() const { return 1.0; }
    double target_acceptance() const { return target; }

    StepResult step(ChainState& s, Density& potential, const Random& random, std::uint64_t step,
                    const Lanes& beta_now) const {
        if (is_prior_step(safeguard, step))
            return prior_step<false>(s, potential, random, step, safeguard);
        const Mask shorten = beta_now > (safeguard > 0 && step % 4 == 1 ? kLong : 1.0);
        const Lanes beta = shorten.select(beta_now * shorter(random, step), beta_now);
        pcn_proposal(s.xi, s, random, step, beta);
        const Lanes phi = potential.phi(s.proposal);
        const Lanes log_ratio = s.phi - phi;
        StepResult result =
            metropolis(s, phi, log_ratio, random.uniforms(Stream::kAccept, step), false);
        result.tells = !shorten;
        return result;
    }
};

static_assert(Kernel<Pcn>);

}  // namespace m4dl

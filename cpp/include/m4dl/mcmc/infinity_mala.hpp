// Infinity-MALA: the semi-implicit Langevin step, which does not shrink with the dimension. It is one
// step of the splitting with eps = sqrt(h), so the change of energy is its Metropolis ratio.
#pragma once

#include "m4dl/mcmc/langevin.hpp"
#include "m4dl/mcmc/prior_step.hpp"
#include "m4dl/mcmc/splitting.hpp"
#include "m4dl/mcmc/tuning.hpp"

namespace m4dl {

struct InfinityMala {
    double step_size;
    double target = 0.0;
    Index safeguard = 0;

    using Tuning = PerChain;
    static constexpr bool kGradient = true;
    double first_step_size() const { return step_size; }
    double largest_step_size() const { return kLargestSplittingStep * kLargestSplittingStep; }
    double target_acceptance() const { return target; }

    StepResult step(ChainState& s, Density& potential, const Random& random, std::uint64_t step,
                    const Lanes& size) const {
        if (is_prior_step(safeguard, step))
            return prior_step<true>(s, potential, random, step, safeguard);
        const Lanes h = sometimes_shorter(target > 0, random, step, size);
        random.normals(Stream::kProposal, step, s.noise);
        const Lanes kappa = 0.5 * h.sqrt();
        Lanes kicks =
            kick_and_rotate(s.gradient, kappa, Rotation(kappa), s.xi, s.proposal, s.noise);
        const Lanes phi = potential.phi(s.proposal, s.proposal_gradient);
        kicks += kick(s.proposal_gradient, kappa, s.noise);
        const Lanes log_ratio = s.phi - phi - kicks;
        StepResult result =
            metropolis(s, phi, log_ratio, random.uniforms(Stream::kAccept, step), true);
        result.tells = (h == size);
        return result;
    }
};

static_assert(Kernel<InfinityMala>);

}  // namespace m4dl

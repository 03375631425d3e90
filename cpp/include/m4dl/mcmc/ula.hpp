// Unadjusted Langevin: the Euler step, always taken. Its law is not the target's; on a Gaussian
// target of precision lambda its variance is 1/(lambda (1 - h lambda/2)), and it diverges from
// h lambda >= 2 on. A step whose solve fails is not taken.
#pragma once

#include "m4dl/mcmc/langevin.hpp"
#include "m4dl/mcmc/tuning.hpp"

namespace m4dl {

struct Ula {
    double step_size;

    using Tuning = PerChain;
    static constexpr bool kGradient = true;
    double first_step_size() const { return step_size; }
    double largest_step_size() const { return std::numeric_limits<double>::infinity(); }
    double target_acceptance() const { return 0.0; }

    StepResult step(ChainState& s, Density& potential, const Random& random, std::uint64_t step,
                    const Lanes& h) const {
        langevin_proposal(s, random, step, h);
        const Lanes phi = potential.phi(s.proposal, s.proposal_gradient);
        // One gradient entry that is not finite makes this sum so.
        const Lanes sum = phi + sum_rows(s.xi.rows(), [&](Index k) -> Lanes {
                              return s.proposal_gradient.row(k).abs();
                          });
        const Lanes always = sum.isFinite().select(Lanes::Zero(), lanes_nan());
        return metropolis(s, phi, always, Lanes::Constant(0.5), true);
    }
};

static_assert(Kernel<Ula>);

}  // namespace m4dl

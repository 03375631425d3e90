// Preconditioned Crank-Nicolson (Cotter, Roberts, Stuart, White, Statist. Sci. 2013):
//
//     xi' = sqrt(1 - beta^2) xi + beta w,
//
// reversible for N(0, I), so that the ratio is the potential's alone. In white space the prior mean
// cannot enter, so the proposal cannot be wrongly centred; on the white noise of a reference N(m, C)
// it is the generalised pCN, centred at m.
#pragma once

#include "m4dl/mcmc/concept.hpp"

namespace m4dl {

struct Pcn {
    double beta;
    double target = 0.0;

    static constexpr bool kGradient = false;
    double first_step_size() const { return beta; }
    double largest_step_size() const { return 1.0; }
    double target_acceptance() const { return target; }

    StepResult step(ChainState& s, Potential::Work& potential, const Random& random,
                    std::uint64_t step, const Lanes& beta_now) const {
        // The noise is used once: a piece at a time, it never leaves the cache.
        const Lanes keep = (1.0 - beta_now.square()).sqrt();
        for (Index first = 0; first < s.xi.rows(); first += s.piece.rows()) {
            random.normals(Stream::kProposal, step, s.piece, first);
            const Index end = std::min(s.xi.rows(), first + s.piece.rows());
            for (Index k = first; k < end; ++k)
                s.proposal.row(k) = keep * s.xi.row(k) + beta_now * s.piece.row(k - first);
        }
        const Lanes phi = potential.phi(s.proposal);
        const Lanes log_ratio = s.phi - phi;
        return metropolis(s, phi, log_ratio, random.uniforms(Stream::kAccept, step), false);
    }
};

static_assert(Kernel<Pcn>);

}  // namespace m4dl

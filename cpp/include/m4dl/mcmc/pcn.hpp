// Preconditioned Crank-Nicolson (Cotter, Roberts, Stuart, White, Statist. Sci. 2013; generalised to
// a reference N(0, C) by Rudolf and Sprungk, Found. Comput. Math. 2018):
//
//     xi' = sqrt(1 - beta^2) xi + beta C^{1/2} w,
//
// reversible for N(0, C). With C = I the ratio is the likelihood's alone; in white space the prior
// mean cannot enter, so the proposal cannot be wrongly centred.
#pragma once

#include "m4dl/mcmc/concept.hpp"
#include "m4dl/mcmc/metric.hpp"

namespace m4dl {

struct Pcn {
    double beta;
    Metric metric;
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
                s.proposal.row(k) = keep * s.xi.row(k) +
                                    (beta_now * metric.square_root(k)) * s.piece.row(k - first);
        }
        const Lanes phi = potential.phi(s.proposal);
        const Lanes log_ratio = s.phi - phi + (metric.excess(s.xi) - metric.excess(s.proposal));
        return metropolis(s, phi, log_ratio, random.uniforms(Stream::kAccept, step), false);
    }
};

static_assert(Kernel<Pcn>);

}  // namespace m4dl

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
    static constexpr Index kPiece = 256;  // rows: 16 KB, half of the smallest first-level cache
    double first_step_size() const { return beta; }
    double largest_step_size() const { return 1.0; }
    double target_acceptance() const { return target; }

    StepResult step(ChainState& s, Potential::Work& potential, const Random& random,
                    std::uint64_t step, const Lanes& beta_now) const {
        // The noise is used once: a piece at a time, it never leaves the cache.
        const Lanes keep = (1.0 - beta_now.square()).sqrt();
        const Index rows = s.xi.rows();
        for_ranges((rows + kPiece - 1) / kPiece, kPiece, [&](Index begin, Index end) {
            Eigen::Array<double, kPiece, kLanes, Eigen::RowMajor> noise;
            for (Index first = begin * kPiece; first < std::min(rows, end * kPiece);
                 first += kPiece) {
                const Index count = std::min(rows - first, kPiece);
                random.normals(Stream::kProposal, step, noise.topRows(count), first);
                for (Index k = 0; k < count; ++k)
                    s.proposal.row(first + k) =
                        keep * s.xi.row(first + k) +
                        (beta_now * metric.square_root(first + k)) * noise.row(k);
            }
        });
        const Lanes phi = potential.phi(s.proposal);
        const Lanes log_ratio = s.phi - phi + (metric.excess(s.xi) - metric.excess(s.proposal));
        return metropolis(s, phi, log_ratio, random.uniforms(Stream::kAccept, step), false);
    }
};

static_assert(Kernel<Pcn>);

}  // namespace m4dl

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
                        keep * s.xi.row(first + k) + beta_now * noise.row(k);
            }
        });
        const Lanes phi = potential.phi(s.proposal);
        const Lanes log_ratio = s.phi - phi;
        return metropolis(s, phi, log_ratio, random.uniforms(Stream::kAccept, step), false);
    }
};

static_assert(Kernel<Pcn>);

}  // namespace m4dl

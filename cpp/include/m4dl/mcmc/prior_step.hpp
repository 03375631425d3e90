// pCN's proposal, and a step of it in the prior's white noise whatever the reference.
//
// Where a reference's tails are lighter than the target's, or it knows of one mode alone, chains that
// move by it seldom get there and stay for long. The prior dominates the target, for Phi is bounded
// below: a step of pCN in its white noise now and then, with beta log-uniform on (kShortest, 1) and
// the same for all chains, leaves the target invariant and knows no reference. One in four starts
// from the mirror image -xi, which the prior cannot tell from xi: data that do not see a sign leave
// two modes that are near to each other's images.
#pragma once

#include "m4dl/mcmc/concept.hpp"

namespace m4dl {

inline constexpr std::uint64_t kMirrored = 4;
inline constexpr Index kPcnPiece = 256;  // rows: 16 KB, half of the smallest first-level cache

// xi' = sign sqrt(1 - beta^2) xi + beta w, reversible for N(0, I) with either sign
inline void pcn_proposal(const Block& from, ChainState& s, const Random& random, std::uint64_t step,
                         const Lanes& beta, double sign = 1.0) {
    // The noise is used once: a piece at a time, it never leaves the cache.
    const Lanes keep = sign * (1.0 - beta.square()).sqrt();
    const Index rows = from.rows();
    for_ranges((rows + kPcnPiece - 1) / kPcnPiece, kPcnPiece, [&](Index begin, Index end) {
        Eigen::Array<double, kPcnPiece, kLanes, Eigen::RowMajor> noise;
        for (Index first = begin * kPcnPiece; first < std::min(rows, end * kPcnPiece);
             first += kPcnPiece) {
            const Index count = std::min(rows - first, kPcnPiece);
            random.normals(Stream::kProposal, step, noise.topRows(count), first);
            for (Index k = 0; k < count; ++k)
                s.proposal.row(first + k) = keep * from.row(first + k) + beta * noise.row(k);
        }
    });
}

// Every `safeguard`-th step is one in the prior's white noise; 0: none.
inline bool is_prior_step(Index safeguard, std::uint64_t step) {
    const auto every = static_cast<std::uint64_t>(safeguard);
    return every > 0 && step % every == every - 1;
}

// Its ratio is the likelihood's alone. It tells nothing of the kernel's own step size, and it follows
// no gradient, so that it does not diverge; but the next step needs one.
template <bool kGradient>
StepResult prior_step(ChainState& s, Density& potential, const Random& random, std::uint64_t step,
                      Index safeguard) {
    const Lanes here = potential.misfit(s.xi, s.phi);
    const double sign = step / static_cast<std::uint64_t>(safeguard) % kMirrored == 0 ? -1.0 : 1.0;
    pcn_proposal(potential.prior_noise(s.xi), s, random, step, shorter(random, step), sign);
    potential.from_prior_noise(s.proposal);
    Lanes psi;
    if constexpr (kGradient) {
        psi = potential.phi(s.proposal, s.proposal_gradient);
        const Mask usable = s.proposal_gradient.isFinite().colwise().all();
        psi = usable.select(psi, lanes_nan());
    } else {
        psi = potential.phi(s.proposal);
    }
    const Lanes log_ratio = here - potential.misfit(s.proposal, psi);
    Decision decision = decide(psi, log_ratio, random.uniforms(Stream::kAccept, step));
    move(s, decision.accept, psi, kGradient);
    decision.result.tells.setConstant(false);
    return decision.result;
}

}  // namespace m4dl

// Preconditioned Crank-Nicolson (Cotter, Roberts, Stuart, White, Statist. Sci. 2013):
//
//     xi' = sqrt(1 - beta^2) xi + beta w,
//
// reversible for N(0, I), so that the ratio is the potential's alone. In white space the prior mean
// cannot enter, so the proposal cannot be wrongly centred; on the white noise of a reference N(m, C)
// it is the generalised pCN, centred at m.
//
// Where the reference's tails are lighter than the target's, or it knows of one mode alone, that chain
// seldom gets there and stays for long. The prior dominates the target, for Phi is bounded below: every
// `safeguard`-th step is one of pCN in the prior's white noise, with beta log-uniform on
// (kShortest, 1) and the same for all chains. And a chain whose beta nears 1 makes independent
// proposals, which never follow a bend of the posterior: one step in four is then shorter, by a factor
// from the same range. Each step leaves the target invariant, so all do.
#pragma once

#include "m4dl/mcmc/concept.hpp"

namespace m4dl {

struct Pcn {
    double beta;
    double target = 0.0;
    Index safeguard = 0;  // 0: none

    static constexpr double kLong = 0.5;
    static constexpr bool kGradient = false;
    static constexpr Index kPiece = 256;  // rows: 16 KB, half of the smallest first-level cache
    double first_step_size() const { return beta; }
    double largest_step_size() const { return 1.0; }
    double target_acceptance() const { return target; }

    StepResult step(ChainState& s, Potential::Work& potential, const Random& random,
                    std::uint64_t step, const Lanes& beta_now) const {
        const auto every = static_cast<std::uint64_t>(safeguard);
        if (every > 0 && step % every == every - 1) return prior_step(s, potential, random, step);
        const Mask shorten = beta_now > (every > 0 && step % 4 == 1 ? kLong : 1.0);
        const Lanes beta = shorten.select(beta_now * shorter(random, step), beta_now);
        propose(s.xi, s, random, step, beta);
        const Lanes phi = potential.phi(s.proposal);
        const Lanes log_ratio = s.phi - phi;
        StepResult result =
            metropolis(s, phi, log_ratio, random.uniforms(Stream::kAccept, step), false);
        result.tells = !shorten;
        return result;
    }

private:
    StepResult prior_step(ChainState& s, Potential::Work& potential, const Random& random,
                          std::uint64_t step) const {
        const Lanes here = potential.misfit(s.xi, s.phi);
        propose(potential.white(s.xi), s, random, step, shorter(random, step));
        potential.to_reference(s.proposal);
        const Lanes psi = potential.phi(s.proposal);
        const Lanes log_ratio = here - potential.misfit(s.proposal, psi);
        StepResult result =
            metropolis(s, psi, log_ratio, random.uniforms(Stream::kAccept, step), false);
        result.tells.setConstant(false);
        return result;
    }

    static void propose(const Block& from, ChainState& s, const Random& random, std::uint64_t step,
                        const Lanes& beta_now) {
        // The noise is used once: a piece at a time, it never leaves the cache.
        const Lanes keep = (1.0 - beta_now.square()).sqrt();
        const Index rows = from.rows();
        for_ranges((rows + kPiece - 1) / kPiece, kPiece, [&](Index begin, Index end) {
            Eigen::Array<double, kPiece, kLanes, Eigen::RowMajor> noise;
            for (Index first = begin * kPiece; first < std::min(rows, end * kPiece);
                 first += kPiece) {
                const Index count = std::min(rows - first, kPiece);
                random.normals(Stream::kProposal, step, noise.topRows(count), first);
                for (Index k = 0; k < count; ++k)
                    s.proposal.row(first + k) =
                        keep * from.row(first + k) + beta_now * noise.row(k);
            }
        });
    }
};

static_assert(Kernel<Pcn>);

}  // namespace m4dl

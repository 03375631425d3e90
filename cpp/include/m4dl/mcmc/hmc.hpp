// Hamiltonian Monte Carlo for lanes, on the splitting that turns the Gaussian part exactly: the error
// of the energy is of order eps^2 and does not grow with the dimension (Beskos, Pinski, Sanz-Serna,
// Stuart, Stochastic Process. Appl. 2011). Lanes need equal work, so a trajectory has
//
//     n = round(u T/eps) steps, at least 1 and at most `most`, u uniform on (1/2, 3/2),
//
// the same n for all chains: u is a function of seed and step. As n does not depend on the state the
// move is reversible. A lane that is lost on the way, because a solve failed or the energy left all
// bounds, waits at its start, and is rejected.
//
// All chains have one step size, which a single chain that set out where the posterior is stiff cannot
// make smaller: in warmup every kShortenth trajectory takes as many steps, but shorter ones.
#pragma once

#include "m4dl/mcmc/across_chains.hpp"
#include "m4dl/mcmc/splitting.hpp"

namespace m4dl {

struct Hmc {
    double step_size, trajectory;
    Index most;
    double target = 0.0;

    using State = GrowingState;
    using Tuning = AcrossChains;
    static constexpr bool kGradient = true;
    double first_step_size() const { return step_size; }
    double largest_step_size() const { return kLargestSplittingStep; }
    double target_acceptance() const { return target; }
    double first_trajectory() const { return trajectory; }

    Index steps(double u, double length, double eps) const {
        const double wanted = std::min((0.5 + u) * length / eps, static_cast<double>(most));
        return std::max<Index>(1, std::llround(wanted));
    }

    StepResult step(State& s, Density& potential, const Random& random, std::uint64_t step,
                    const LengthSetting& setting) const {
        const Lanes& size = setting.step_size;
        const Index count =
            steps(random.shared_uniform(Stream::kTrajectory, step), setting.trajectory, size[0]);
        const Lanes eps = sometimes_shorter(setting.centre != nullptr, random, step, size);
        const Lanes kappa = 0.5 * eps, twice = eps;
        const Rotation turn(kappa);
        random.normals(Stream::kProposal, step, s.noise);
        const Lanes kinetic = half_square(s.noise);
        Lost lost;
        Lanes kicks = kick_and_rotate(s.gradient, kappa, turn, s.xi, s.proposal, s.noise);
        Lanes phi = potential.phi(s.proposal, s.proposal_gradient);
        for (Index k = 1; k < count; ++k) {
            kicks +=
                kick_and_rotate(s.proposal_gradient, twice, turn, s.proposal, s.proposal, s.noise);
            lost.watch(s.phi, phi, kicks);
            lost.send_back(s);
            phi = potential.phi(s.proposal, s.proposal_gradient);
        }
        kicks += kick(s.proposal_gradient, kappa, s.noise);
        lost.watch(s.phi, phi, kicks);
        if (setting.centre) s.growth = growth(s, *setting.centre);
        const Lanes log_ratio = s.phi - phi - kicks;
        StepResult result =
            metropolis(s, phi, log_ratio, random.uniforms(Stream::kAccept, step), true);
        lost.tell(result);
        result.tells = (eps == size);
        s.kinetic = s.accepted.select(half_square(s.noise), kinetic);
        result.evaluations = count;
        return result;
    }

private:
    // The lanes that are lost, and why: a NaN of a solve, or an energy that was out of bounds before
    // any.
    struct Lost {
        Mask wild = Mask::Constant(false), lost = wild, failed = wild;

        void watch(const Lanes& first, const Lanes& phi, const Lanes& kicks) {
            wild = wild || phi.isInf() || (kicks.isFinite() && phi + kicks - first > kDivergence);
            const Mask now = !lost && !kicks.isFinite();
            failed = failed || (now && !wild);
            lost = lost || now;
        }
        // What a solver makes of NaN may take long: these wait where they started.
        void send_back(ChainState& s) const {
            if (!lost.any()) return;
            for_rows(s.xi.rows(), [&](Index k) {
                s.proposal.row(k) = lost.select(s.xi.row(k), s.proposal.row(k));
                s.noise.row(k) = lost.select(Lanes::Zero(), s.noise.row(k));
            });
        }
        void tell(StepResult& r) const {
            r.failed = lost.select(failed.select(Lanes::Constant(1.0), 0.0), r.failed);
            r.diverged = lost.select(failed.select(Lanes::Zero(), 1.0), r.diverged);
        }
    };

    static Lanes half_square(const Block& v) {
        return 0.5 * sum_rows(v.rows(), [&](Index k) -> Lanes { return v.row(k).square(); });
    }

    // (|z' - c|^2 - |z - c|^2) <z' - c, v'>: see chees.hpp.
    static Lanes growth(const ChainState& s, const Vector& c) {
        const Lanes change = sum_rows(s.xi.rows(), [&](Index k) -> Lanes {
            const Lanes here = s.xi.row(k) - c[k], there = s.proposal.row(k) - c[k];
            return (there - here) * (there + here);
        });
        const Lanes outwards = sum_rows(s.xi.rows(), [&](Index k) -> Lanes {
            return (s.proposal.row(k) - c[k]) * s.noise.row(k);
        });
        return change * outwards;
    }
};

static_assert(Kernel<Hmc>);

}  // namespace m4dl

// Hamiltonian Monte Carlo for lanes, on the splitting that turns the Gaussian part exactly: the error
// of the energy is of order eps^2 and does not grow with the dimension (Beskos, Pinski, Sanz-Serna,
// Stuart, Stochastic Process. Appl. 2011). Lanes need equal work, so a trajectory has
//
//     n = round(u T/eps) steps, at least 1 and at most `most`, u uniform on (1/2, 3/2),
//
// the same n for all chains: u is a function of seed and step. As n does not depend on the state the
// move is reversible. A lane whose solve fails on the way waits at its start, and is rejected.
#pragma once

#include "m4dl/mcmc/splitting.hpp"

namespace m4dl {

struct Hmc {
    double step_size, trajectory;
    Index most;
    double target = 0.0;

    static constexpr bool kGradient = true;
    static constexpr bool kAcrossChains = true;
    double first_step_size() const { return step_size; }
    double largest_step_size() const { return kLargestSplittingStep; }
    double target_acceptance() const { return target; }
    double first_trajectory() const { return trajectory; }

    Index steps(double u, double length, double eps) const {
        const double wanted = std::min((0.5 + u) * length / eps, static_cast<double>(most));
        return std::max<Index>(1, std::llround(wanted));
    }

    StepResult step(ChainState& s, Potential::Work& potential, const Random& random,
                    std::uint64_t step, const Lanes& eps) const {
        const Index count =
            steps(random.shared_uniform(Stream::kTrajectory, step), s.trajectory, eps[0]);
        const Lanes kappa = 0.5 * eps, twice = eps;
        const Rotation turn(kappa);
        random.normals(Stream::kProposal, step, s.noise);
        Lanes kicks = kick_and_rotate(s.gradient, kappa, turn, s.xi, s.proposal, s.noise);
        Lanes phi = potential.phi(s.proposal, s.proposal_gradient);
        for (Index k = 1; k < count; ++k) {
            kicks +=
                kick_and_rotate(s.proposal_gradient, twice, turn, s.proposal, s.proposal, s.noise);
            send_back_lost(kicks, s);
            phi = potential.phi(s.proposal, s.proposal_gradient);
        }
        kicks += kick(s.proposal_gradient, kappa, s.noise);
        if (s.centre) s.growth = growth(s);
        const Lanes log_ratio = s.phi - phi - kicks;
        StepResult result =
            metropolis(s, phi, log_ratio, random.uniforms(Stream::kAccept, step), true);
        result.evaluations = count;
        return result;
    }

private:
    // What a solver makes of NaN may take long: lanes that are lost wait where they started.
    static void send_back_lost(const Lanes& kicks, ChainState& s) {
        const Eigen::Array<bool, 1, kLanes> fine = kicks.isFinite();
        if (fine.all()) return;
        for_rows(s.xi.rows(), [&](Index k) {
            s.proposal.row(k) = fine.select(s.proposal.row(k), s.xi.row(k));
            s.noise.row(k) = fine.select(s.noise.row(k), 0.0);
        });
    }

    // (|z' - c|^2 - |z - c|^2) <z' - c, v'>: see chees.hpp.
    static Lanes growth(const ChainState& s) {
        const Vector& c = *s.centre;
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

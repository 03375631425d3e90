// What a kernel is. It sees a density and random numbers; every decision is made lane by lane.
#pragma once

#include <concepts>

#include "m4dl/base/parallel.hpp"
#include "m4dl/base/philox.hpp"
#include "m4dl/bayes/density.hpp"
#include "m4dl/mcmc/any_block.hpp"
#include "m4dl/model/concept.hpp"

namespace m4dl {

using Mask = Eigen::Array<bool, 1, kLanes>;

// An error of the energy beyond this is a divergence: the step is too long for where it was taken
// (Stan's bound).
inline constexpr double kDivergence = 1000.0;

// A block's place among the chains of a run.
struct Place {
    Index white, outputs;
    Chains chains;
    std::shared_ptr<const Reference> reference;
};

// Where the chains of one block are, and room for the next proposal. Kernels with a gradient keep
// it, and the noise of the step.
struct ChainState {
    Block xi, proposal;
    Block gradient, proposal_gradient, noise;  // gradient of Phi at xi; empty without one
    Lanes phi = Lanes::Zero();
    Lanes kinetic = Lanes::Zero();          // |v|^2/2 at xi, of kernels that have momenta
    Mask accepted = Mask::Constant(false);  // by the last step

    template <class K>
    ChainState(const K&, const Place& place)
        : xi(zeros(place.white)), proposal(zeros(place.white)) {
        if (!K::kGradient) return;
        for (Block* field : {&gradient, &proposal_gradient, &noise}) *field = zeros(place.white);
    }

    // A kernel that keeps more, in a `State` of its own, has more to say to each of these.
    void evaluate(Density& density) {
        phi = gradient.size() > 0 ? density.phi(xi, gradient) : density.phi(xi);
    }
    void refer(const std::shared_ptr<const Reference>&) {}
    const Block& predictions(Density& density) { return density.predict(xi); }
    void visit(StateVisitor& v) {
        v.field("xi", xi);
        if (gradient.size() > 0) v.field("gradient", gradient);
        v.field("phi", phi);
    }
    void report(const Tell&) const {}
    void start(const Tell& tell) const {
        tell("potential", phi);
        if (gradient.size() > 0) tell("gradient", gradient.abs().colwise().sum());
    }
};

struct StepResult {
    Lanes probability;               // of acceptance: min(1, ratio), 0 where the solve failed
    Lanes failed;                    // 1 where the proposal's potential or gradient is not finite
    Lanes diverged = Lanes::Zero();  // 1 where the energy's error was beyond bounds instead
    Index evaluations = 1;           // of the potential, with its gradient if the kernel has one
    Mask tells = Mask::Constant(true);  // of the step size,
    Lanes tuned_by = probability;       // by this
};

// The state of a kernel's chains: ChainState, or one of its own.
template <class K>
struct StateOf {
    using Type = ChainState;
};
template <class K>
    requires requires { typename K::State; }
struct StateOf<K> {
    using Type = typename K::State;
};

template <class K>
concept Kernel =
    requires(const K& kernel, typename StateOf<K>::Type& state, Density& density,
             const Random& random, std::uint64_t step, const typename K::Tuning::Setting& setting) {
        { K::kGradient } -> std::convertible_to<bool>;
        { kernel.first_step_size() } -> std::convertible_to<double>;
        { kernel.largest_step_size() } -> std::convertible_to<double>;
        { kernel.target_acceptance() } -> std::convertible_to<double>;  // 0: nothing to adapt
        { kernel.step(state, density, random, step, setting) } -> std::same_as<StepResult>;
    };

// Steps of one size never get out of what is narrower than they are, nor into it. Kernels that adapt
// shorten some, by a factor log-uniform on (kShortest, 1) that all chains share.
inline constexpr double kShortest = 0.03;
inline constexpr std::uint64_t kShortenth = 8;  // one step in so many
inline Lanes shorter(const Random& random, std::uint64_t step) {
    const double u = random.shared_uniform(Stream::kTrajectory, step);
    return (u * Lanes::Constant(kShortest).log()).exp();
}

inline Lanes sometimes_shorter(bool adapts, const Random& random, std::uint64_t step,
                               const Lanes& size) {
    const bool shorten = adapts && step % kShortenth == kShortenth - 1;
    return shorten ? Lanes(size * shorter(random, step)) : size;
}

// Copies the proposal into the lanes where `accept` holds.
inline void accept_lanes(const Mask& accept, const Block& proposal, Block& current) {
    if (!accept.any()) return;
    for_rows(current.rows(),
             [&](Index i) { current.row(i) = accept.select(proposal.row(i), current.row(i)); });
}

// The Metropolis decision. A NaN ratio compares false and so rejects.
struct Decision {
    Mask accept;
    StepResult result;
};
inline Decision decide(const Lanes& proposed_phi, const Lanes& log_ratio, const Lanes& uniform) {
    const Mask finite = proposed_phi.isFinite() && log_ratio.isFinite();
    return {finite && (uniform.log() < log_ratio),
            {finite.select(log_ratio.min(0.0).exp(), 0.0), finite.select(Lanes::Zero(), 1.0)}};
}

// What follows a gradient and ends where the density is nothing has left its energy.
inline void tell_divergences(const Lanes& proposed_phi, const Lanes& log_ratio, StepResult& r) {
    const Mask out = log_ratio.isFinite() && log_ratio < -kDivergence;
    const Mask diverged = !proposed_phi.isNaN() && (out || proposed_phi.isInf());
    r.diverged = diverged.select(Lanes::Constant(1.0), 0.0);
    r.failed = diverged.select(Lanes::Zero(), r.failed);
}

inline void move(ChainState& state, const Mask& accept, const Lanes& proposed_phi,
                 bool with_gradient) {
    state.accepted = accept;
    accept_lanes(accept, state.proposal, state.xi);
    if (with_gradient) accept_lanes(accept, state.proposal_gradient, state.gradient);
    state.phi = accept.select(proposed_phi, state.phi);
}

inline StepResult metropolis(ChainState& state, const Lanes& proposed_phi, const Lanes& log_ratio,
                             const Lanes& uniform, bool with_gradient) {
    Decision decision = decide(proposed_phi, log_ratio, uniform);
    if (with_gradient) tell_divergences(proposed_phi, log_ratio, decision.result);
    move(state, decision.accept, proposed_phi, with_gradient);
    return decision.result;
}

}  // namespace m4dl

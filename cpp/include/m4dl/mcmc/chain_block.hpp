// One block of a kernel's chains, and all that belongs to it.
#pragma once

#include "m4dl/bayes/potential.hpp"
#include "m4dl/bayes/referred.hpp"
#include "m4dl/mcmc/run.hpp"
#include "m4dl/mcmc/tuning.hpp"

namespace m4dl {

template <Kernel K>
class ChainBlock final : public AnyBlock {
public:
    // `start`: (all chains, white), in the prior's white noise.
    ChainBlock(const K& kernel, const Potential& potential, const Place& place, std::uint64_t seed,
               const Matrix& start, typename K::Tuning::Together* together)
        : kernel_(kernel),
          chains_(place.chains),
          density_(potential.work(place.chains), place.reference),
          random_(seed, place.chains.first),
          state_(kernel, place),
          tuning_(kernel, together, place.chains) {
        for (Index lane = 0; lane < kLanes; ++lane)  // idle lanes repeat the last chain
            state_.xi.col(lane) =
                start.row(std::min(chains_.first + lane, start.rows() - 1)).transpose();
        density_->from_prior_noise(state_.xi);
    }

    void evaluate() override { state_.evaluate(*density_); }

    void advance(const Steps& steps) override {
        for (Index k = steps.begin; k < steps.end; ++k) {
            if (steps.adapting) tuning_.begin();
            const StepResult result =
                kernel_.step(state_, *density_, random_,
                             static_cast<std::uint64_t>(steps.iteration + k), tuning_.setting());
            failures_ += result.failed;
            divergences_ += result.diverged;
            evaluations_ += result.evaluations;
            accepted_ += result.tells.select(result.probability, 0.0);
            proposals_ += result.tells.select(Lanes::Constant(1.0), 0.0);
            if (steps.adapting) tuning_.update(result, state_);
            if ((k + 1) % steps.thin == 0) write(steps, (k + 1) / steps.thin - 1);
        }
    }

    void freeze() override { tuning_.freeze(); }
    void forget_divergences() override { shown_ = divergences_; }

    void report(const Tell& tell) const override {
        const auto evaluations = static_cast<double>(evaluations_);
        tell("accepted", accepted_);    // acceptance probabilities, summed
        tell("proposals", proposals_);  // over the steps that tell of the step size
        tell("failures", failures_);
        tell("divergences", divergences_);
        tell("evaluations", Lanes::Constant(evaluations));  // of the potential, and
        tell("solves", Lanes::Constant((K::kGradient ? 2.0 : 1.0) * evaluations));
        tell("solver_iterations", density_->iterations());
        tuning_.report(tell);
        state_.report(tell);
    }
    void start(const Tell& tell) const override { state_.start(tell); }

    const Block& prior_noise() override { return density_->prior_noise(state_.xi); }
    const Block& predictions() override { return state_.predictions(*density_); }
    void refer(const std::shared_ptr<const Reference>& reference) override {
        state_.xi = Block(prior_noise());
        density_.refer(reference);
        state_.refer(reference);
        density_->from_prior_noise(state_.xi);
        evaluate();
        tuning_.restart(kernel_);
    }
    Block discrepancy() override {
        if constexpr (requires { state_.discrepancy(); }) return state_.discrepancy();
        throw std::invalid_argument("a discrepancy is one of two posteriors");
    }
    void correct(const ErrorModel& error) override {
        if constexpr (requires { state_.correct(error); }) return state_.correct(error);
        throw std::invalid_argument("an error model is one of two posteriors");
    }

    void visit(StateVisitor& v) override {
        state_.visit(v);
        tuning_.visit(v);
        v.field("accepted", accepted_);
        v.field("proposals", proposals_);
        v.field("failures", failures_);
        v.field("divergences", divergences_);
        v.field("shown", shown_);
        v.count("run", 3, evaluations_);
    }

private:
    void write(const Steps& steps, Index draw) {
        const Index first = chains_.first, active = chains_.count, draws = steps.draws;
        const Records& to = steps.to;
        auto each = [&](auto* out, const auto& lanes) {
            for (Index l = 0; l < active; ++l) out[(first + l) * draws + draw] = lanes[l];
        };
        if (to.log_likelihood)
            each(to.log_likelihood, Lanes(-density_->misfit(state_.xi, state_.phi)));
        if (to.energy) {
            const Lanes square = sum_rows(
                state_.xi.rows(), [&](Index i) -> Lanes { return state_.xi.row(i).square(); });
            each(to.energy, Lanes(state_.phi + 0.5 * square + state_.kinetic));
        }
        if (to.diverging) {
            each(to.diverging, Mask(divergences_ > shown_));
            shown_ = divergences_;
        }
        if (to.theta) {
            const Block& field = density_->theta(state_.xi);
            for_rows(field.rows(), [&](Index i) {
                for (Index l = 0; l < active; ++l)
                    to.theta[((first + l) * draws + draw) * field.rows() + i] = field(i, l);
            });
        }
    }

    K kernel_;
    Chains chains_;
    Seen density_;
    Random random_;
    typename StateOf<K>::Type state_;
    typename K::Tuning tuning_;
    Lanes accepted_ = Lanes::Zero(), proposals_ = Lanes::Zero(), failures_ = Lanes::Zero(),
          divergences_ = Lanes::Zero();
    Lanes shown_ = Lanes::Zero();  // divergences that draws have told of
    Index evaluations_ = 0;
};

template <class K>
std::unique_ptr<Run> make_run(std::shared_ptr<const Potential> potential, const K& kernel,
                              std::shared_ptr<const Reference> reference, std::uint64_t seed,
                              const Matrix& start, int threads) {
    require(!K::kGradient || potential->has_gradient(),
            "this kernel needs a gradient, and the model has none");
    check_start(*potential, reference.get(), start);
    RunParts parts{potential,
                   reference,
                   start.rows(),
                   threads,
                   kernel.largest_step_size(),
                   kernel.target_acceptance() > 0,
                   K::Tuning::meeting(kernel, potential->white()),
                   {}};
    auto* together = static_cast<typename K::Tuning::Together*>(parts.meeting.get());
    for (Index first = 0; first < start.rows(); first += kLanes) {
        const Place place{potential->white(),
                          potential->outputs(),
                          {first, std::min(kLanes, start.rows() - first)},
                          reference};
        parts.blocks.push_back(
            std::make_unique<ChainBlock<K>>(kernel, *potential, place, seed, start, together));
    }
    return std::make_unique<Run>(std::move(parts));
}

}  // namespace m4dl

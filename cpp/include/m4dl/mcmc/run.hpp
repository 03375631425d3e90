// The chains of one sampling run: blocks of lanes advanced in parallel, a given number of
// iterations at a time. Python drives; nothing here knows of progress bars or files.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "m4dl/base/parallel.hpp"
#include "m4dl/mcmc/adapt.hpp"
#include "m4dl/mcmc/concept.hpp"

namespace m4dl {

// Everything needed to go on bit for bit: name -> (chains, columns). Random numbers are counted,
// not stored.
using RunState = std::map<std::string, Matrix>;

class AnyRun {
public:
    virtual ~AnyRun() = default;

    // Takes `iterations` steps. After every `thin` of them theta and -Phi are written to
    // theta (chains, iterations/thin, parameters) and log_likelihood (chains, iterations/thin),
    // each of which may be null.
    virtual void advance(Index iterations, Index thin, double* theta, double* log_likelihood) = 0;

    virtual bool adapting() const = 0;
    // Switching off fixes the step size at its average over the adaptation.
    virtual void set_adapting(bool on) = 0;

    virtual std::string solver() const = 0;  // of the model's linear systems
    virtual Index chains() const = 0;
    virtual Index white() const = 0;
    virtual Index parameters() const = 0;
    virtual Index iteration() const = 0;
    virtual Vector accepted() const = 0;   // (chains): sum of acceptance probabilities
    virtual Vector failures() const = 0;   // (chains): steps whose solve failed
    virtual Vector step_size() const = 0;  // (chains)
    virtual RunState state() const = 0;
    virtual void restore(const RunState& state) = 0;
};

template <Kernel K>
class Run final : public AnyRun {
public:
    // `start`: (chains, white), in the prior's white noise. The kernel sees that of `reference`, if
    // there is one. Throws when the potential is not finite at the start.
    Run(std::shared_ptr<const Potential> potential, K kernel,
        std::shared_ptr<const Reference> reference, std::uint64_t seed, const Matrix& start,
        int threads)
        : potential_(std::move(potential)),
          reference_(std::move(reference)),
          kernel_(std::move(kernel)),
          chains_(start.rows()),
          threads_(threads) {
        require(chains_ > 0, "chains must be at least 1");
        require(start.cols() == white(), "start must have ", white(), " columns, got ",
                start.cols());
        require(!reference_ || reference_->white() == white(), "metric must be for ", white(),
                " white noises, got ", reference_ ? reference_->white() : 0);
        require(!K::kGradient || potential_->has_gradient(),
                "this kernel needs a gradient, and the model has none");
        const Index count = (chains_ + kLanes - 1) / kLanes;
        for (Index b = 0; b < count; ++b)
            blocks_.push_back(std::make_unique<Chunk>(*this, seed, b * kLanes, start));
        parallel_for(
            count, threads_, [&](Index b) { blocks_[b]->evaluate(); }, potential_->threads());
        require_finite("potential", [](const Chunk& b) { return b.chain.phi; });
        if constexpr (K::kGradient)
            require_finite("gradient", [](const Chunk& b) -> Lanes {
                return b.chain.gradient.abs().colwise().sum();
            });
    }

    void advance(Index iterations, Index thin, double* theta, double* log_likelihood) override {
        require(iterations >= 0, "iterations must not be negative, got ", iterations);
        require(thin > 0 && iterations % thin == 0, "thin must divide the ", iterations,
                " iterations, got ", thin);
        require(!broken_, "this run stopped in the middle of a step: restore a state first");
        broken_ = true;  // until all blocks have arrived at the same iteration
        parallel_for(
            static_cast<Index>(blocks_.size()), threads_,
            [&](Index b) { blocks_[b]->advance(*this, iterations, thin, theta, log_likelihood); },
            potential_->threads());
        iteration_ += iterations;
        broken_ = false;
    }

    bool adapting() const override { return adapting_; }
    void set_adapting(bool on) override {
        if (adapting_ && !on)
            for (auto& b : blocks_) b->step_size = b->adapt.log_average.exp();
        adapting_ = on && kernel_.target_acceptance() > 0;
    }

    std::string solver() const override { return potential_->solver(); }
    Index chains() const override { return chains_; }
    Index white() const override { return potential_->white(); }
    Index parameters() const override { return potential_->parameters(); }
    Index iteration() const override { return iteration_; }
    Vector accepted() const override {
        return per_chain([](const Chunk& b) { return b.accepted; });
    }
    Vector failures() const override {
        return per_chain([](const Chunk& b) { return b.failures; });
    }
    Vector step_size() const override {
        return per_chain([](const Chunk& b) { return b.step_size; });
    }

    RunState state() const override {
        RunState out;
        out["run"] = Matrix(1, 3);
        out["run"] << static_cast<double>(iteration_), adapting_ ? 1.0 : 0.0,
            blocks_[0]->adapt.count;
        for (const auto& b : blocks_)
            visit(*b, [&](const char* name, const auto& lanes) {
                Matrix& m = out[name];
                m.resize(chains_, lanes.rows());
                for (Index c = b->first; c < std::min(chains_, b->first + kLanes); ++c)
                    m.row(c) = lanes.col(c - b->first).transpose();
            });
        return out;
    }

    void restore(const RunState& state) override {
        auto find = [&](const char* name, Index rows, Index columns) -> const Matrix& {
            const auto it = state.find(name);
            require(it != state.end(), "the state has no entry '", name, "'");
            require(it->second.rows() == rows && it->second.cols() == columns, "state entry '",
                    name, "' must have shape (", rows, ", ", columns, ")");
            return it->second;
        };
        const Matrix& run = find("run", 1, 3);
        for (auto& b : blocks_) {
            visit(*b, [&](const char* name, auto& lanes) {
                const Matrix& m = find(name, chains_, lanes.rows());
                for (Index c = b->first; c < std::min(chains_, b->first + kLanes); ++c)
                    lanes.col(c - b->first) = m.row(c).transpose();
            });
            b->adapt.count = run(0, 2);
        }
        iteration_ = static_cast<Index>(run(0, 0));
        adapting_ = run(0, 1) != 0.0;
        broken_ = false;
    }

private:
    // One block of chains and all that belongs to it.
    struct Chunk {
        Index first;
        Potential::Work potential;
        Random random;
        ChainState chain;
        DualAveraging adapt;
        Lanes step_size;
        Lanes accepted = Lanes::Zero(), failures = Lanes::Zero();

        Chunk(const Run& run, std::uint64_t seed, Index first_chain, const Matrix& start)
            : first(first_chain),
              potential(*run.potential_, Chains{first, std::min(kLanes, run.chains_ - first)},
                        run.reference_.get()),
              random(seed, first),
              chain(run.white(), K::kGradient),
              adapt(run.kernel_.first_step_size(), run.kernel_.largest_step_size(),
                    run.kernel_.target_acceptance()),
              step_size(Lanes::Constant(run.kernel_.first_step_size())) {
            for (Index lane = 0; lane < kLanes; ++lane)  // idle lanes repeat the last chain
                chain.xi.col(lane) = start.row(std::min(first + lane, run.chains_ - 1)).transpose();
            potential.to_reference(chain.xi);
        }

        void evaluate() {
            if constexpr (K::kGradient)
                chain.phi = potential.phi(chain.xi, chain.gradient);
            else
                chain.phi = potential.phi(chain.xi);
        }

        void advance(const Run& run, Index iterations, Index thin, double* theta,
                     double* log_likelihood) {
            const Index active = std::min(kLanes, run.chains_ - first), draws = iterations / thin;
            for (Index k = 0; k < iterations; ++k) {
                if (run.adapting_) step_size = adapt.log_step.exp();
                const StepResult result =
                    run.kernel_.step(chain, potential, random,
                                     static_cast<std::uint64_t>(run.iteration_ + k), step_size);
                accepted += result.probability;
                failures += result.failed;
                if (run.adapting_) adapt.update(result.probability);
                if ((k + 1) % thin != 0) continue;
                const Index draw = (k + 1) / thin - 1;
                if (log_likelihood) {
                    const Lanes misfit = potential.misfit(chain.xi, chain.phi);
                    for (Index l = 0; l < active; ++l)
                        log_likelihood[(first + l) * draws + draw] = -misfit[l];
                }
                if (theta) {
                    const Block& field = potential.theta(chain.xi);
                    for (Index l = 0; l < active; ++l)
                        Eigen::Map<Vector>(theta + ((first + l) * draws + draw) * field.rows(),
                                           field.rows()) = field.col(l).matrix();
                }
            }
        }
    };

    template <class SomeChunk, class Visit>
    static void visit(SomeChunk& b, Visit&& field) {
        field("xi", b.chain.xi);
        if constexpr (K::kGradient) field("gradient", b.chain.gradient);
        field("phi", b.chain.phi);
        field("step_size", b.step_size);
        field("accepted", b.accepted);
        field("failures", b.failures);
        field("adapt_error", b.adapt.error);
        field("adapt_log_step", b.adapt.log_step);
        field("adapt_log_average", b.adapt.log_average);
    }

    template <class Get>
    void require_finite(const char* what, Get&& get) const {
        const Vector values = per_chain(get);
        std::string bad;
        for (Index c = 0; c < chains_; ++c)
            if (!std::isfinite(values[c])) bad += (bad.empty() ? "" : ", ") + std::to_string(c);
        require(bad.empty(), "the ", what, " is not finite at the start of chain(s) ", bad,
                ": the solve failed or the start is far outside the model's range");
    }

    template <class Get>
    Vector per_chain(Get&& get) const {
        Vector out(chains_);
        for (Index c = 0; c < chains_; ++c) out[c] = get(*blocks_[c / kLanes])[c % kLanes];
        return out;
    }

    std::shared_ptr<const Potential> potential_;
    std::shared_ptr<const Reference> reference_;
    K kernel_;
    Index chains_;
    int threads_;
    Index iteration_ = 0;
    bool adapting_ = false, broken_ = false;
    std::vector<std::unique_ptr<Chunk>> blocks_;
};

}  // namespace m4dl

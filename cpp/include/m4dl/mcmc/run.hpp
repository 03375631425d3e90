// The chains of one sampling run: blocks of lanes advanced in parallel, a given number of
// iterations at a time. Python drives; nothing here knows of progress bars or files.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "m4dl/base/parallel.hpp"
#include "m4dl/mcmc/adapt.hpp"
#include "m4dl/mcmc/chees.hpp"
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
    virtual Vector accepted() const = 0;    // (chains): sum of acceptance probabilities
    virtual Vector failures() const = 0;    // (chains): steps whose solve failed
    virtual Vector step_size() const = 0;   // (chains)
    virtual double trajectory() const = 0;  // of kernels that have a length; 0 without one
    virtual Index evaluations() const = 0;  // of the potential, in each chain
    virtual Index solves() const = 0;       // one for each, and one more for a gradient
    // (chains): of the model's solver, in the last solve; 0 without an iterative one.
    virtual Vector solver_iterations() const = 0;
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
          threads_(threads),
          shared_(make_shared_adaptation(kernel_, potential_->white())),
          mean_(kAcrossChains<K> ? potential_->white() : 0) {
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
        const Record record{iterations / thin, thin, theta, log_likelihood};
        if (kAcrossChains<K> && adapting_) {
            for (Index k = 0; k < iterations; ++k) {
                tune(false);
                advance_blocks(k, k + 1, record);
                learn();
            }
        } else {
            advance_blocks(0, iterations, record);
        }
        iteration_ += iterations;
        broken_ = false;
    }

    bool adapting() const override { return adapting_; }
    void set_adapting(bool on) override {
        if (adapting_ && !on) {
            for (auto& b : blocks_) b->step_size = b->adapt.log_average.exp();
            if constexpr (kAcrossChains<K>) tune(true);
        }
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
    Vector solver_iterations() const override {
        return per_chain([](const Chunk& b) { return b.potential.iterations(); });
    }

    double trajectory() const override { return blocks_[0]->chain.trajectory; }
    Index evaluations() const override { return blocks_[0]->evaluations; }
    Index solves() const override { return (K::kGradient ? 2 : 1) * evaluations(); }

    RunState state() const override {
        RunState out;
        out["run"] = Matrix(1, 5);
        out["run"] << static_cast<double>(iteration_), adapting_ ? 1.0 : 0.0,
            blocks_[0]->adapt.count, static_cast<double>(evaluations()), trajectory();
        if constexpr (kAcrossChains<K>) {
            Chees copy = shared_;
            std::vector<double> numbers;
            copy.visit([&](double& x) { numbers.push_back(x); });
            out["shared"] = Eigen::Map<const Matrix>(numbers.data(), 1, copy.size());
        }
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
        const Matrix& run = find("run", 1, 5);
        for (auto& b : blocks_) {
            visit(*b, [&](const char* name, auto& lanes) {
                const Matrix& m = find(name, chains_, lanes.rows());
                for (Index c = b->first; c < std::min(chains_, b->first + kLanes); ++c)
                    lanes.col(c - b->first) = m.row(c).transpose();
            });
            b->adapt.count = run(0, 2);
            b->evaluations = static_cast<Index>(run(0, 3));
            b->chain.trajectory = run(0, 4);
        }
        if constexpr (kAcrossChains<K>) {
            const double* from = find("shared", 1, shared_.size()).data();
            shared_.visit([&](double& x) { x = *from++; });
        }
        iteration_ = static_cast<Index>(run(0, 0));
        adapting_ = run(0, 1) != 0.0;
        broken_ = false;
    }

private:
    struct Record {
        Index draws, thin;
        double *theta, *log_likelihood;
    };

    // Iterations first..last - 1 of this call, in all blocks.
    void advance_blocks(Index first, Index last, const Record& record) {
        parallel_for(
            static_cast<Index>(blocks_.size()), threads_,
            [&](Index b) { blocks_[b]->advance(*this, first, last, record); },
            potential_->threads());
    }

    // Hands the shared step size and length to all chains.
    void tune(bool averaged) {
        if constexpr (kAcrossChains<K>)
            for (auto& b : blocks_) {
                b->step_size = averaged ? shared_.averaged_step_size() : shared_.step_size();
                b->chain.trajectory = averaged ? shared_.averaged_length() : shared_.length();
                b->chain.centre = averaged ? nullptr : &shared_.centre;
            }
    }

    // Adapts them to what the chains did; the sums run over the chains in their order.
    void learn() {
        if constexpr (kAcrossChains<K>) {
            double inverse = 0.0, weight = 0.0, growth = 0.0;
            mean_.setZero();
            for (const auto& b : blocks_)
                for (Index l = 0; l < std::min(kLanes, chains_ - b->first); ++l) {
                    const double p = b->result.probability[l];
                    inverse += 1.0 / p;
                    weight += p;
                    if (p > 0.0) growth += p * b->chain.growth[l];
                    mean_ += b->chain.xi.col(l).matrix();
                }
            const double count = static_cast<double>(chains_);
            mean_ /= count;
            shared_.update(count / inverse, growth / weight, mean_, kernel_.most);
        }
    }

    // One block of chains and all that belongs to it.
    struct Chunk {
        Index first;
        Potential::Work potential;
        Random random;
        ChainState chain;
        DualAveraging adapt;
        Lanes step_size;
        Lanes accepted = Lanes::Zero(), failures = Lanes::Zero();
        Index evaluations = 0;
        StepResult result;  // of the last step

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
            if constexpr (kAcrossChains<K>) chain.trajectory = run.kernel_.first_trajectory();
        }

        void evaluate() {
            if constexpr (K::kGradient)
                chain.phi = potential.phi(chain.xi, chain.gradient);
            else
                chain.phi = potential.phi(chain.xi);
        }

        void advance(const Run& run, Index begin, Index end, const Record& record) {
            const Index active = std::min(kLanes, run.chains_ - first), draws = record.draws;
            double *theta = record.theta, *log_likelihood = record.log_likelihood;
            const bool adapting = run.adapting_ && !kAcrossChains<K>;
            for (Index k = begin; k < end; ++k) {
                if (adapting) step_size = adapt.log_step.exp();
                result =
                    run.kernel_.step(chain, potential, random,
                                     static_cast<std::uint64_t>(run.iteration_ + k), step_size);
                accepted += result.probability;
                failures += result.failed;
                evaluations += result.evaluations;
                if (adapting) adapt.update(result.probability);
                if ((k + 1) % record.thin != 0) continue;
                const Index draw = (k + 1) / record.thin - 1;
                if (log_likelihood) {
                    const Lanes misfit = potential.misfit(chain.xi, chain.phi);
                    for (Index l = 0; l < active; ++l)
                        log_likelihood[(first + l) * draws + draw] = -misfit[l];
                }
                if (theta) {
                    const Block& field = potential.theta(chain.xi);
                    for_rows(field.rows(), [&](Index i) {
                        for (Index l = 0; l < active; ++l)
                            theta[((first + l) * draws + draw) * field.rows() + i] = field(i, l);
                    });
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
    struct Nothing {};
    static auto make_shared_adaptation(const K& kernel, Index white) {
        if constexpr (kAcrossChains<K>)
            return Chees(kernel.first_step_size(), kernel.largest_step_size(),
                         kernel.target_acceptance(), kernel.first_trajectory(), white);
        else
            return Nothing{};
    }
    decltype(make_shared_adaptation(std::declval<K>(), 0)) shared_;
    Vector mean_;  // room for `learn`
};

}  // namespace m4dl

// The chains of one sampling run: blocks of lanes advanced in parallel, a given number of
// iterations at a time. Python drives; nothing here knows of progress bars or files.
#pragma once

#include <vector>

#include "m4dl/base/parallel.hpp"
#include "m4dl/bayes/potential.hpp"
#include "m4dl/bayes/referred.hpp"
#include "m4dl/mcmc/adapt.hpp"
#include "m4dl/mcmc/any_run.hpp"
#include "m4dl/mcmc/chees.hpp"
#include "m4dl/mcmc/concept.hpp"

namespace m4dl {

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
        if constexpr (kTwoLevel<K>)
            require_finite("coarse potential", [](const Chunk& b) { return b.chain.coarse_phi; });
        if constexpr (K::kGradient)
            require_finite("gradient", [](const Chunk& b) -> Lanes {
                return b.chain.gradient.abs().colwise().sum();
            });
    }

    void advance(Index iterations, Index thin, const Records& to) override {
        require(iterations >= 0, "iterations must not be negative, got ", iterations);
        require(thin > 0 && iterations % thin == 0, "thin must divide the ", iterations,
                " iterations, got ", thin);
        require(!broken_, "this run stopped in the middle of a step: restore a state first");
        broken_ = true;  // until all blocks have arrived at the same iteration
        const Record record{to, iterations / thin, thin};
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
        if (!on)
            for (auto& b : blocks_) b->shown = b->divergences;
        adapting_ = on && kernel_.target_acceptance() > 0;
    }

    std::string solver() const override { return potential_->solver(); }
    Index chains() const override { return chains_; }
    Index white() const override { return potential_->white(); }
    Index parameters() const override { return potential_->parameters(); }
    Index iteration() const override { return iteration_; }
    Vector proposals() const override {
        return per_chain([](const Chunk& b) { return b.proposals; });
    }
    Vector accepted() const override {
        return per_chain([](const Chunk& b) { return b.accepted; });
    }
    Vector failures() const override {
        return per_chain([](const Chunk& b) { return b.failures; });
    }
    Vector divergences() const override {
        return per_chain([](const Chunk& b) { return b.divergences; });
    }
    double largest_step_size() const override { return kernel_.largest_step_size(); }
    Vector step_size() const override {
        return per_chain([](const Chunk& b) { return b.step_size; });
    }
    Vector solver_iterations() const override {
        return per_chain([](const Chunk& b) { return b.density->iterations(); });
    }

    double trajectory() const override { return blocks_[0]->chain.trajectory; }
    Index evaluations() const override { return blocks_[0]->evaluations; }
    Index solves() const override { return (K::kGradient ? 2 : 1) * evaluations(); }

    Index coarse_solves() const override {
        if constexpr (kTwoLevel<K>)
            return (K::kCoarseGradient ? 2 : 1) * blocks_[0]->chain.coarse_evaluations;
        return 0;
    }
    Vector coarse_accepted() const override {
        if constexpr (kTwoLevel<K>)
            return per_chain([](const Chunk& b) { return b.chain.coarse_accepted; });
        return Vector::Zero(chains_);
    }
    Vector coarse_failures() const override {
        if constexpr (kTwoLevel<K>)
            return per_chain([](const Chunk& b) { return b.chain.coarse_failures; });
        return Vector::Zero(chains_);
    }

    Matrix position() const override {
        Matrix out(chains_, white());
        for (const auto& b : blocks_) rows_of(*b, b->density->prior_noise(b->chain.xi), out);
        return out;
    }
    void set_reference(std::shared_ptr<const Reference> reference) override {
        require(reference && reference->white() == white(), "metric must be for ", white(),
                " white noises, got ", reference ? reference->white() : 0);
        reference_ = std::move(reference);
        broken_ = true;
        each_block([&](Chunk& b) {
            b.chain.xi = Block(b.density->prior_noise(b.chain.xi));
            b.density.refer(reference_);
            if constexpr (kTwoLevel<K>) b.chain.density.refer(reference_);
            b.density->from_prior_noise(b.chain.xi);
            b.evaluate();
            b.restart(kernel_);
        });
        shared_ = make_shared_adaptation(kernel_, white());
        broken_ = false;
    }
    Matrix predictions() override {
        Matrix out(chains_, potential_->outputs());
        each_block([&](Chunk& b) {
            if constexpr (kTwoLevel<K>)
                rows_of(b, b.chain.predictions, out);
            else
                rows_of(b, b.density->predict(b.chain.xi), out);
        });
        return out;
    }
    Matrix discrepancy() override {
        Matrix out(chains_, potential_->outputs());
        each_block([&](Chunk& b) {
            if constexpr (kTwoLevel<K>)
                rows_of(b, b.chain.predictions - b.chain.density->predict(b.chain.xi), out);
        });
        return out;
    }
    void set_error_model(const ErrorModel& error) override {
        require(kTwoLevel<K>, "an error model must be for two posteriors");
        if constexpr (kTwoLevel<K>) {
            const Potential corrected = kernel_.coarse->corrected(error);
            broken_ = true;
            each_block([&](Chunk& b) {
                b.chain.density.replace(corrected.work(lanes_from(b.first)));
                b.chain.evaluate_coarse();
            });
            broken_ = false;
        }
    }

    RunState state() const override {
        RunState out;
        out["run"] = Matrix(1, 5);
        out["run"] << static_cast<double>(iteration_), adapting_ ? 1.0 : 0.0,
            blocks_[0]->adapt.count, static_cast<double>(evaluations()), trajectory();
        if constexpr (kTwoLevel<K>)
            out["coarse"] =
                Matrix::Constant(1, 1, static_cast<double>(blocks_[0]->chain.coarse_evaluations));
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
                rows_of(*b, lanes, m);
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
        auto count = [](double x) {
            require(x >= 0.0 && x < 0x1p53, "the state holds a count of ", x);
            return static_cast<Index>(x);
        };
        const Matrix& run = find("run", 1, 5);
        const Index iteration = count(run(0, 0)), evaluations = count(run(0, 3));
        for (auto& b : blocks_) {
            visit(*b, [&](const char* name, auto& lanes) {
                const Matrix& m = find(name, chains_, lanes.rows());
                for (Index c = b->first; c < std::min(chains_, b->first + kLanes); ++c)
                    lanes.col(c - b->first) = m.row(c).transpose();
            });
            b->adapt.count = run(0, 2);
            b->evaluations = evaluations;
            b->chain.trajectory = run(0, 4);
            if constexpr (kTwoLevel<K>)
                b->chain.coarse_evaluations = count(find("coarse", 1, 1)(0, 0));
        }
        if constexpr (kAcrossChains<K>) {
            const double* from = find("shared", 1, shared_.size()).data();
            shared_.visit([&](double& x) { x = *from++; });
        }
        iteration_ = iteration;
        adapting_ = run(0, 1) != 0.0;
        broken_ = false;
    }

private:
    struct Chunk;
    struct Record {
        const Records& to;
        Index draws, thin;
    };

    // Iterations first..last - 1 of this call, in all blocks.
    void advance_blocks(Index first, Index last, const Record& record) {
        parallel_for(
            static_cast<Index>(blocks_.size()), threads_,
            [&](Index b) { blocks_[b]->advance(*this, first, last, record); },
            potential_->threads());
    }

    template <class Body>
    void each_block(Body&& body) {
        parallel_for(
            static_cast<Index>(blocks_.size()), threads_, [&](Index b) { body(*blocks_[b]); },
            potential_->threads());
    }

    Chains lanes_from(Index first) const { return {first, std::min(kLanes, chains_ - first)}; }

    // The chains of a block of lanes as rows of a matrix of all chains.
    template <class LanesOfBlock>
    void rows_of(const Chunk& b, const LanesOfBlock& lanes, Matrix& out) const {
        for (Index c = b.first; c < std::min(chains_, b.first + kLanes); ++c)
            out.row(c) = lanes.col(c - b.first).transpose();
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
            if (!blocks_[0]->result.tells[0]) return;  // of all chains alike
            double weight = 0.0, growth = 0.0;
            mean_.setZero();
            for (const auto& b : blocks_)
                for (Index l = 0; l < std::min(kLanes, chains_ - b->first); ++l) {
                    const double p = b->result.probability[l];
                    weight += p;
                    if (p > 0.0) growth += p * b->chain.growth[l];
                    mean_ += b->chain.xi.col(l).matrix();
                }
            const double count = static_cast<double>(chains_);
            mean_ /= count;
            shared_.update(weight / count, growth / weight, mean_, kernel_.most);
        }
    }

    // One block of chains and all that belongs to it.
    struct Chunk {
        Index first;
        Seen density;
        Random random;
        typename StateOf<K>::Type chain;
        DualAveraging adapt;
        Lanes step_size;
        Lanes accepted = Lanes::Zero(), failures = Lanes::Zero(), divergences = Lanes::Zero();
        Lanes shown = Lanes::Zero();      // divergences that draws have told of
        Lanes proposals = Lanes::Zero();  // steps that told of the step size
        Index evaluations = 0;
        StepResult result;  // of the last step

        Chunk(const Run& run, std::uint64_t seed, Index first_chain, const Matrix& start)
            : first(first_chain),
              density(run.potential_->work(run.lanes_from(first)), run.reference_),
              random(seed, first),
              chain(make_state(run, first_chain)),
              adapt(run.kernel_.first_step_size(), run.kernel_.largest_step_size(),
                    run.kernel_.target_acceptance()),
              step_size(Lanes::Constant(run.kernel_.first_step_size())) {
            for (Index lane = 0; lane < kLanes; ++lane)  // idle lanes repeat the last chain
                chain.xi.col(lane) = start.row(std::min(first + lane, run.chains_ - 1)).transpose();
            density->from_prior_noise(chain.xi);
            if constexpr (kAcrossChains<K>) chain.trajectory = run.kernel_.first_trajectory();
        }

        static auto make_state(const Run& run, Index first) {
            if constexpr (kTwoLevel<K>)
                return typename K::State(run.kernel_, run.potential_->outputs(),
                                         run.lanes_from(first), run.reference_);
            else
                return ChainState(run.white(), K::kGradient);
        }

        void restart(const K& kernel) {
            adapt = DualAveraging(kernel.first_step_size(), kernel.largest_step_size(),
                                  kernel.target_acceptance());
            step_size.setConstant(kernel.first_step_size());
            if constexpr (kAcrossChains<K>) chain.trajectory = kernel.first_trajectory();
        }

        void evaluate() {
            if constexpr (kTwoLevel<K>)
                chain.evaluate(*density);
            else if constexpr (K::kGradient)
                chain.phi = density->phi(chain.xi, chain.gradient);
            else
                chain.phi = density->phi(chain.xi);
        }

        void advance(const Run& run, Index begin, Index end, const Record& record) {
            const bool adapting = run.adapting_ && !kAcrossChains<K>;
            for (Index k = begin; k < end; ++k) {
                if (adapting) step_size = adapt.log_step.exp();
                result =
                    run.kernel_.step(chain, *density, random,
                                     static_cast<std::uint64_t>(run.iteration_ + k), step_size);
                failures += result.failed;
                divergences += result.diverged;
                evaluations += result.evaluations;
                accepted += result.tells.select(result.probability, 0.0);
                proposals += result.tells.select(Lanes::Constant(1.0), 0.0);
                if (adapting) adapt.update(result.tells.select(tuned_by(), adapt.target));
                if ((k + 1) % record.thin == 0) write(run, record, (k + 1) / record.thin - 1);
            }
        }

        const Lanes& tuned_by() const {
            if constexpr (kTwoLevel<K>)
                return chain.tuned_by;
            else
                return result.probability;
        }

        void write(const Run& run, const Record& record, Index draw) {
            const Index active = std::min(kLanes, run.chains_ - first), draws = record.draws;
            const Records& to = record.to;
            auto each = [&](auto* out, const auto& lanes) {
                for (Index l = 0; l < active; ++l) out[(first + l) * draws + draw] = lanes[l];
            };
            if (to.log_likelihood)
                each(to.log_likelihood, Lanes(-density->misfit(chain.xi, chain.phi)));
            if (to.energy) {
                const Lanes square = sum_rows(
                    chain.xi.rows(), [&](Index i) -> Lanes { return chain.xi.row(i).square(); });
                each(to.energy, Lanes(chain.phi + 0.5 * square + chain.kinetic));
            }
            if (to.diverging) {
                each(to.diverging, Mask(divergences > shown));
                shown = divergences;
            }
            if (to.theta) {
                const Block& field = density->theta(chain.xi);
                for_rows(field.rows(), [&](Index i) {
                    for (Index l = 0; l < active; ++l)
                        to.theta[((first + l) * draws + draw) * field.rows() + i] = field(i, l);
                });
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
        field("proposals", b.proposals);
        field("failures", b.failures);
        field("divergences", b.divergences);
        field("shown", b.shown);
        field("adapt_error", b.adapt.error);
        field("adapt_log_step", b.adapt.log_step);
        field("adapt_log_average", b.adapt.log_average);
        if constexpr (kTwoLevel<K>) K::State::visit(b.chain, field);
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

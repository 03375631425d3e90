// The chains of one sampling run: blocks of lanes advanced in parallel, a given number of iterations
// at a time. Python drives; nothing here knows of kernels, progress bars or files.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "m4dl/bayes/potential.hpp"
#include "m4dl/mcmc/any_block.hpp"

namespace m4dl {

// Everything needed to go on bit for bit: name -> (chains, columns), or (1, columns) where all chains
// are alike.
using RunState = std::map<std::string, Matrix>;

struct RunParts {
    std::shared_ptr<const Potential> potential;
    std::shared_ptr<const Reference> reference;
    Index chains;
    int threads;
    double largest_step_size;
    bool adapts;
    std::unique_ptr<Meeting> meeting;  // null where blocks adapt alone
    std::vector<std::unique_ptr<AnyBlock>> blocks;
};

void check_start(const Potential& potential, const Reference* reference, const Matrix& start);

class Run {
public:
    // Throws when the potential is not finite at the start.
    explicit Run(RunParts parts);

    // Takes `iterations` steps, and records the state after every `thin` of them.
    void advance(Index iterations, Index thin, const Records& to);

    bool adapting() const { return adapting_; }
    // Switching off fixes the step size at its average over the adaptation, and forgets divergences
    // that no draw has shown.
    void set_adapting(bool on);

    std::string solver() const { return parts_.potential->solver(); }  // of the model's systems
    Index chains() const { return parts_.chains; }
    Index white() const { return parts_.potential->white(); }
    Index parameters() const { return parts_.potential->parameters(); }
    Index iteration() const { return iteration_; }
    double largest_step_size() const { return parts_.largest_step_size; }

    // What blocks count and are set to, by the names they give: (chains) each.
    std::vector<std::pair<std::string, Vector>> report() const;

    // For what warmup learns from all chains, between two calls of `advance`.
    Matrix position() const;  // (chains, white), in the prior's white noise
    Matrix predictions();     // (chains, outputs), of the model there
    // Another metric, in which the chains go on from where they are; step sizes begin anew.
    void set_reference(std::shared_ptr<const Reference> reference);
    // (chains, outputs): fine minus coarse predictions, where the chains are.
    Matrix discrepancy();
    void set_error_model(const ErrorModel& error);

    RunState state() const;
    void restore(const RunState& state);

private:
    template <class Body>
    void each_block(Body&& body);
    template <class Body>
    void change(Body&& body);
    using Speak = void (AnyBlock::*)(const Tell&) const;
    std::vector<std::pair<std::string, Vector>> told(Speak speak) const;
    template <class LanesOfBlock>
    void rows_of(Index block, const LanesOfBlock& lanes, Matrix& out) const;

    RunParts parts_;
    Index iteration_ = 0;
    bool adapting_ = false;
    bool broken_ = false;  // until all blocks have arrived at the same iteration
};

// The chains of `kernel` at `start`, (chains, white), in the prior's white noise. The kernel sees that
// of `reference`, if there is one. Compiled once for each kernel, in run_kernels.cpp and run_delayed.cpp.
template <class K>
std::unique_ptr<Run> make_run(std::shared_ptr<const Potential> potential, const K& kernel,
                              std::shared_ptr<const Reference> reference, std::uint64_t seed,
                              const Matrix& start, int threads);

}  // namespace m4dl

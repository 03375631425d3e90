// A sampling run as Python sees it, with any kernel.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "m4dl/bayes/reference.hpp"
#include "m4dl/noise/low_rank.hpp"

namespace m4dl {

// Everything needed to go on bit for bit: name -> (chains, columns). Random numbers are counted,
// not stored.
using RunState = std::map<std::string, Matrix>;

// Where draws go, each null if it is not wanted: theta (chains, draws, parameters); and of each draw
// (chains, draws) -Phi, the energy, which is Phi + |xi|^2/2 and the momentum's if the kernel has one,
// and whether a step since the draw before diverged.
struct Records {
    double* theta = nullptr;
    double* log_likelihood = nullptr;
    double* energy = nullptr;
    bool* diverging = nullptr;
};

class AnyRun {
public:
    virtual ~AnyRun() = default;

    // Takes `iterations` steps, and records the state after every `thin` of them.
    virtual void advance(Index iterations, Index thin, const Records& to) = 0;

    virtual bool adapting() const = 0;
    // Switching off fixes the step size at its average over the adaptation, and forgets divergences
    // that no draw has shown.
    virtual void set_adapting(bool on) = 0;

    virtual std::string solver() const = 0;  // of the model's linear systems
    virtual Index chains() const = 0;
    virtual Index white() const = 0;
    virtual Index parameters() const = 0;
    virtual Index iteration() const = 0;
    // The steps that tell of the step size: all, but for those that a kernel shortens.
    virtual Vector proposals() const = 0;    // (chains)
    virtual Vector accepted() const = 0;     // (chains): sum of their acceptance probabilities
    virtual Vector failures() const = 0;     // (chains): steps whose solve failed
    virtual Vector divergences() const = 0;  // (chains): steps whose energy was out of bounds
    virtual double largest_step_size() const = 0;
    virtual Vector step_size() const = 0;   // (chains)
    virtual double trajectory() const = 0;  // of kernels that have a length; 0 without one
    virtual Index evaluations() const = 0;  // of the potential, in each chain
    virtual Index solves() const = 0;       // one for each, and one more for a gradient
    // (chains): of the model's solver, in the last solve; 0 without an iterative one.
    virtual Vector solver_iterations() const = 0;
    // Of delayed acceptance, on its coarse posterior; 0 for other kernels.
    virtual Index coarse_solves() const = 0;
    virtual Vector coarse_accepted() const = 0;  // (chains): mean acceptance of each step, summed
    virtual Vector coarse_failures() const = 0;  // (chains)

    // For what warmup learns from all chains, between two calls of `advance`.
    virtual Matrix position() const = 0;  // (chains, white), in the prior's white noise
    virtual Matrix predictions() = 0;     // (chains, outputs), of the model there
    // Another metric, in which the chains go on from where they are; step sizes begin anew.
    virtual void set_reference(std::shared_ptr<const Reference> reference) = 0;
    // (chains, outputs): fine minus coarse predictions, where the chains are.
    virtual Matrix discrepancy() = 0;
    virtual void set_error_model(const ErrorModel& error) = 0;

    virtual RunState state() const = 0;
    virtual void restore(const RunState& state) = 0;
};

}  // namespace m4dl

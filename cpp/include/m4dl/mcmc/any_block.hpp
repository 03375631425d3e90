// What a run knows of a block of chains, whatever their kernel.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "m4dl/bayes/reference.hpp"
#include "m4dl/noise/low_rank.hpp"

namespace m4dl {

// Walks all that a block needs to go on bit for bit; random numbers are counted, not stored.
class StateVisitor {
public:
    virtual ~StateVisitor() = default;
    virtual void field(const char* name, double* values, Index rows) = 0;  // rows of lanes
    virtual void number(const char* name, Index column, double& x) = 0;    // of all blocks alike
    virtual void count(const char* name, Index column, Index& x) = 0;

    template <class SomeLanes>
    void field(const char* name, SomeLanes& lanes) {
        field(name, lanes.data(), lanes.rows());
    }
};

// Where draws go, each null if it is not wanted: theta (chains, draws, parameters); and of each draw
// (chains, draws) -Phi, the energy, which is Phi + |xi|^2/2 and the momentum's if the kernel has one,
// and whether a step since the draw before diverged.
struct Records {
    double* theta = nullptr;
    double* log_likelihood = nullptr;
    double* energy = nullptr;
    bool* diverging = nullptr;
};

// Steps begin..end - 1 of a call of `advance`, which records every `thin` of them.
struct Steps {
    Index begin, end, iteration;  // the last: of the run before the call
    bool adapting;
    Index thin, draws;
    const Records& to;
};

using Tell = std::function<void(const char* name, const Lanes&)>;

class AnyBlock {
public:
    virtual ~AnyBlock() = default;

    virtual void evaluate() = 0;  // where the chains are
    virtual void advance(const Steps& steps) = 0;
    virtual void freeze() = 0;              // the setting, at what adaptation has found
    virtual void forget_divergences() = 0;  // that no draw has shown

    // By name: what counts and settings are, and what must be finite at a start.
    virtual void report(const Tell& tell) const = 0;
    virtual void start(const Tell& tell) const = 0;

    // For what warmup learns from all chains; valid until the next call.
    virtual const Block& prior_noise() = 0;  // where the chains are
    virtual const Block& predictions() = 0;  // of the model there
    // Another metric, in which the chains go on from where they are; settings begin anew.
    virtual void refer(const std::shared_ptr<const Reference>& reference) = 0;
    // Of kernels with a coarse posterior: fine minus coarse predictions, and noise for the coarse one.
    virtual Block discrepancy() = 0;
    virtual void correct(const ErrorModel& error) = 0;

    virtual void visit(StateVisitor& visitor) = 0;
};

// Where blocks that adapt together meet: around each step of all of them.
class Meeting {
public:
    virtual ~Meeting() = default;
    virtual void open() = 0;
    virtual void close() = 0;
    virtual void freeze() = 0;
    virtual void restart() = 0;
    virtual void visit(const std::function<void(double&)>& number) = 0;
};

}  // namespace m4dl

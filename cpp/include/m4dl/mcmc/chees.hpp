// One step size and one trajectory length for all chains, adapted from all of them (Hoffman, Radul,
// Sountsov, An adaptive MCMC scheme for setting trajectory lengths in Hamiltonian Monte Carlo, AISTATS
// 2021). The length T climbs the criterion
//
//     ChEES = 1/4 E (|z' - c|^2 - |z - c|^2)^2,   d ChEES/dT ~ E (|z' - c|^2 - |z - c|^2) <z' - c, v'>,
//
// weighted by the acceptance, by Adam's steps in log T; c is the mean of the chains, here averaged
// over the iterations too, for few chains know it badly. The step size is dual averaging's, for the
// mean of the acceptance over chains. (The paper's harmonic mean is near 0 as soon as one chain is
// rejected, the more often the more chains there are: it asks for another acceptance than its target.)
#pragma once

#include "m4dl/mcmc/adapt.hpp"

namespace m4dl {

struct Chees {
    // The paper's: no momentum, second moments forgotten at this rate.
    static constexpr double kRate = 0.025, kForget = 0.95, kTiny = 1e-300;

    DualAveraging step;  // all lanes alike
    double log_length, log_average, second = 0.0, decay = 1.0;
    Vector centre;

    Chees(double first_step, double largest_step, double target, double first_length, Index white)
        : step(first_step, largest_step, target),
          log_length(Lanes::Constant(first_length).log()[0]),
          log_average(log_length),
          centre(Vector::Zero(white)) {}

    static double exponential(double x) { return Lanes::Constant(x).exp()[0]; }
    Lanes step_size() const { return step.log_step.exp(); }
    double length() const { return exponential(log_length); }
    Lanes averaged_step_size() const { return step.log_average.exp(); }
    double averaged_length() const { return exponential(log_average); }

    // After an iteration: the mean of the acceptance, the mean of growth weighted by it, the
    // mean of the chains, and the most steps of a trajectory.
    void update(double acceptance, double growth, const Vector& mean, Index most) {
        step.update(Lanes::Constant(acceptance));
        const double count = step.count;
        centre += std::min(1.0, 2.0 / (count + 1.0)) * (mean - centre);
        if (std::isfinite(growth)) {
            second = kForget * second + (1.0 - kForget) * growth * growth;
            decay *= kForget;
            log_length += kRate * growth / (std::sqrt(second / (1.0 - decay)) + kTiny);
        }
        // between one step and the most
        const double eps = step.log_step[0];
        const double limit = eps + Lanes::Constant(static_cast<double>(most)).log()[0];
        log_length = std::clamp(log_length, eps, limit);
        const double eta = 1.0 / (std::sqrt(count) * std::sqrt(std::sqrt(count)));
        log_average = eta * log_length + (1.0 - eta) * log_average;
    }

    // For checkpoints.
    template <class Visit>
    void visit(Visit&& number) {
        number(step.count);
        for (Lanes* lanes : {&step.error, &step.log_step, &step.log_average}) {
            number((*lanes)[0]);
            lanes->setConstant((*lanes)[0]);
        }
        for (double* x : {&log_length, &log_average, &second, &decay}) number(*x);
        for (Index k = 0; k < centre.size(); ++k) number(centre[k]);
    }
    Index size() const { return 8 + centre.size(); }
};

}  // namespace m4dl

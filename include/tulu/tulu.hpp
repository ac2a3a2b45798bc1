#pragma once

/// Everything of tulu except what is opt-in.
#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/version.hpp>

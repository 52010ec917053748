#pragma once
#include <stdio.h>
#include <archive.h>
#include <archive_entry.h>
